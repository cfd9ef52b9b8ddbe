"""What every model shares: its answer, its checks, its way to and from the hub."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, NamedTuple

from huggingface_hub import PyTorchModelHubMixin
from jaxtyping import Float, Int
from torch import Tensor, nn


class Output(NamedTuple):
    """A model's answer.

    scores: `[B, J]`, class lengths in [0, 1) for capsules, logits for a CNN.
    poses: `[B, J, D]` class capsules, None for a CNN.
    reconstruction: `[B, C, H, W]` in [0, 1], None without a decoder.
    """

    scores: Tensor
    poses: Tensor | None = None
    reconstruction: Tensor | None = None


class Model(
    nn.Module,
    PyTorchModelHubMixin,
    library_name="torchcaps",
    tags=["capsule-network", "image-classification"],
):
    """Base of all models: called with `(images, labels=None)`, answers with an `Output`.

    `from_pretrained`, `save_pretrained` and `push_to_hub` come from `PyTorchModelHubMixin`;
    the configuration they write holds every argument of the constructor and the model's name.
    """

    name: str

    def __init__(self, in_shape: tuple[int, int, int], num_classes: int) -> None:
        super().__init__()
        if len(in_shape) != 3 or min(in_shape) < 1:
            raise ValueError(
                f"{type(self).__name__}, in_shape: expected (channels, height, width), "
                f"all at least 1; got {tuple(in_shape)}; take a dataset's in_shape"
            )
        if num_classes < 1:
            raise ValueError(
                f"{type(self).__name__}, num_classes: expected at least 1; got {num_classes}; "
                "take a dataset's num_classes"
            )
        channels, height, width = in_shape
        self.in_shape, self.num_classes = (channels, height, width), num_classes
        self.rename(self.name)

    def rename(self, name: str) -> None:
        """Take the name of a preset, under which `load_model` builds the model again."""
        self.name = name
        self.config["model"] = name

    @property
    def config(self) -> dict[str, Any]:
        """The model's name and every argument of its constructor, as config.json holds them."""
        assert isinstance(self._hub_mixin_config, dict)
        return self._hub_mixin_config

    @property
    def classes(self) -> tuple[str, ...]:
        """The name of each class: those of the training data, or numbers."""
        return tuple(self.config.get("classes") or map(str, range(self.num_classes)))

    @classes.setter
    def classes(self, names: Sequence[str]) -> None:
        self.config["classes"] = list(names)

    @abstractmethod
    def forward(
        self, images: Float[Tensor, "B C H W"], labels: Int[Tensor, " B"] | None = None
    ) -> Output:
        """Scores of `images [B, *in_shape]`; `labels [B]` say which capsule a decoder draws."""

    @abstractmethod
    def make_loss(self) -> nn.Module:
        """The loss this model is trained with: called with `(out, images, labels)`."""

    def check_images(self, images: Tensor) -> None:
        """Raise a `ValueError` unless `images` is `[B, *in_shape]` in a floating dtype."""
        channels, height, width = self.in_shape
        if images.ndim != 4 or tuple(images.shape[1:]) != self.in_shape:
            raise ValueError(
                f"{type(self).__name__}, images: expected [B, {channels}, {height}, {width}]; "
                f"got {tuple(images.shape)}; resize the images, add the batch axis, or build the "
                "model with their in_shape"
            )
        if not images.is_floating_point():
            raise ValueError(
                f"{type(self).__name__}, images: expected pixels in [0, 1] of a floating dtype; "
                f"got {images.dtype}; divide by 255"
            )
