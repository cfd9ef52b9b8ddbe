"""The convolutional network that the series compares with."""

from collections.abc import Sequence

from jaxtyping import Float, Int
from torch import Tensor, nn

from torchcaps.models.model import Model, Output, outputs_of
from torchcaps.nn import ScoreCrossEntropy
from torchcaps.options import check_several, check_sizes


class CNN(Model):
    """Two 3x3 convolutions with 2x2 max-pooling, then two dense layers; scores are logits.

    Args:
        in_shape, num_classes: of the data; at least 4x4 pixels.
        channels: of the two convolutions.
        hidden: units of the dense layer.

    Source: the rotation experiment of "Deconstructing CapsNets from Scratch", part 3.
    """

    name = "cnn"
    tasks = ("classes", "multilabel")

    def __init__(
        self,
        in_shape: tuple[int, int, int],
        num_classes: int,
        *,
        channels: Sequence[int] = (32, 64),
        hidden: int = 128,
    ) -> None:
        super().__init__(in_shape, num_classes)
        image_channels, height, width = self.in_shape
        if min(height, width) < 4:
            raise ValueError(
                f"CNN, in_shape: expected at least 4x4 pixels for two poolings; got "
                f"{height}x{width}; use larger images"
            )
        check_several("CNN", "channels", channels, 2)
        check_sizes("CNN", hidden=hidden)
        first, second = channels
        self.features = nn.Sequential(
            nn.Conv2d(image_channels, first, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(first, second, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(second * (height // 4) * (width // 4), hidden),
            nn.ReLU(),
        )
        self.classify = nn.Linear(hidden, num_classes)

    def forward(
        self, images: Float[Tensor, "B C H W"], labels: Int[Tensor, "B ..."] | None = None
    ) -> Output:
        self.check_images(images)
        return Output(self.classify(self.features(images)))

    def make_loss(self) -> nn.Module:
        return ScoreCrossEntropy()

    def representations(
        self, images: Float[Tensor, "B C H W"], labels: Int[Tensor, " B"] | None = None
    ) -> dict[str, Tensor]:
        names = ("map 1", "pool 1", "map 2", "pool 2", "penultimate")
        maps = outputs_of(self.features, images, nn.ReLU, nn.MaxPool2d)
        return dict(zip(names, maps, strict=True))
