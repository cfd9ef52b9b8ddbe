"""A module of one's own, which knows nothing of torchcaps, as a model that trains."""

from pathlib import Path

from torch import Tensor, nn

from torchcaps.models import Model, Output, save_model
from torchcaps.models.saving import save_weights
from torchcaps.nn import ScoreCrossEntropy


class PlainModel(Model):
    """`network`, which gives logits `[B, J]` for images, trained with cross entropy."""

    name = "plain"
    tasks = ("classes", "multilabel")
    axes = (1, 2, 3)

    def __init__(self, network: nn.Module, in_shape: tuple[int, ...], num_classes: int) -> None:
        super().__init__(in_shape, num_classes)
        self.network = network

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Output:
        logits = self.network(images)
        wanted = (len(images), self.num_classes)
        if not isinstance(logits, Tensor) or tuple(logits.shape) != wanted:
            got = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
            raise ValueError(
                f"{type(self.network).__name__}, output: expected logits {wanted}, a row for each "
                f"image and a column for each class; got {got}; change its last layer, or let it "
                "follow torchcaps.models.Model"
            )
        return Output(logits)

    def make_loss(self) -> nn.Module:
        return ScoreCrossEntropy()


def save(model: Model, folder: Path) -> None:
    """Write what `load_model` reads; of a plain module the weights alone, since no config.json can
    describe it: `module.load_state_dict(safetensors.torch.load_file(...))` takes them."""
    if isinstance(model, PlainModel):
        save_weights(model.network, folder)
    else:
        save_model(model, folder)
