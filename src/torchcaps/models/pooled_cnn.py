"""The control of a small CapsNet: its convolutions, and pooling where it has capsules."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from torchcaps.models.capsnet import CapsNet
from torchcaps.models.model import Model, Output, outputs_of
from torchcaps.nn import ScoreCrossEntropy


class PooledCNN(Model):
    """The convolutions of a CapsNet, average pooling, two dense layers; scores are logits.

        images -> ReLU(stem) -> ReLU(convolution) -> 2x2 average -> hidden -> logits [B, J]

    It controls for everything but the capsules: the stem and the convolution are those of
    `CapsNet` with the same options, and there are as many hidden units as bring both to the same
    number of parameters, up to half a unit's. What differs is what comes after: pooling and dense
    layers with cross entropy here, squashing, routing and a decoder with the margin loss there.

    Args:
        in_shape, num_classes: of the data.
        stem_channels, kernel_size, types, primary_dim, pose_dim, decoder_width: of the CapsNet.
            The convolution has `types * primary_dim` channels, those of the primary capsules.
    """

    name = "pooled_cnn"
    tasks = ("classes", "multilabel")

    def __init__(
        self,
        in_shape: tuple[int, int, int],
        num_classes: int,
        *,
        stem_channels: int = 64,
        kernel_size: int = 3,
        types: int = 8,
        primary_dim: int = 8,
        pose_dim: int = 16,
        decoder_width: int = 128,
    ) -> None:
        super().__init__(in_shape, num_classes)
        channels, height, width = in_shape
        with torch.device("meta"):  # only counted
            capsnet = CapsNet(
                in_shape,
                num_classes,
                stem_channels=stem_channels,
                kernel_size=kernel_size,
                types=types,
                primary_dim=primary_dim,
                pose_dim=pose_dim,
                decoder_width=decoder_width,
            )
        self.features = nn.Sequential(
            nn.Conv2d(channels, stem_channels, kernel_size),
            nn.ReLU(),
            nn.Conv2d(stem_channels, types * primary_dim, kernel_size, stride=2),
            nn.ReLU(),
            nn.AvgPool2d(2, ceil_mode=True),
            nn.Flatten(),
        )
        size = capsnet.primary.grid(height - kernel_size + 1, width - kernel_size + 1)
        pooled = types * primary_dim * ((size[0] + 1) // 2) * ((size[1] + 1) // 2)
        left = _parameters(capsnet) - _parameters(self.features) - num_classes
        hidden = max(1, round(left / (pooled + 1 + num_classes)))
        self.hidden = nn.Sequential(nn.Linear(pooled, hidden), nn.ReLU())
        self.classify = nn.Linear(hidden, num_classes)

    def forward(
        self, images: Float[Tensor, "B C H W"], labels: Int[Tensor, "B ..."] | None = None
    ) -> Output:
        self.check_images(images)
        return Output(self.classify(self.hidden(self.features(images))))

    def make_loss(self) -> nn.Module:
        return ScoreCrossEntropy()

    def representations(
        self, images: Float[Tensor, "B C H W"], labels: Int[Tensor, " B"] | None = None
    ) -> dict[str, Tensor]:
        first, second, pooled = outputs_of(self.features, images, nn.ReLU, nn.AvgPool2d)
        penultimate = self.hidden(pooled.flatten(1))
        return {"map 1": first, "map 2": second, "pool": pooled, "penultimate": penultimate}


def _parameters(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())
