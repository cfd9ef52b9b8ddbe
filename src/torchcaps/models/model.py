"""What every model shares: its answer, its checks, its way to and from the hub."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, NamedTuple

from huggingface_hub import PyTorchModelHubMixin
from jaxtyping import Float, Int
from torch import Tensor, nn

from torchcaps.data import ImageDataset
from torchcaps.models.explanation import Explanation
from torchcaps.nn.routing_module import ScoreKind
from torchcaps.ops import select_capsule
from torchcaps.ops.precision import at_least_float32

# Layers that several models have: the J class capsules, and the one of the image's class.
POSES = "class poses"
POSE = "pose of the class"

# The shape of an input by its number of axes of positions.
_SHAPES = {
    1: "(channels, length)",
    2: "(channels, height, width)",
    3: "(channels, depth, height, width)",
}


class Output(NamedTuple):
    """A model's answer.

    scores: `[B, J]`; what they are, `score_kind` of the model says.
    poses: `[B, J, D]` class capsules, None for a CNN.
    activations: `[B, J]` in [0, 1], how present each class capsule is, None for a CNN.
    reconstruction: `[B, *in_shape]` in [0, 1], None without a decoder.
    """

    scores: Tensor
    poses: Tensor | None = None
    activations: Tensor | None = None
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
    axes: tuple[int, ...] = (2,)
    """How many axes of positions an input may have: 1 of a signal, 2 of an image, 3 of a volume."""
    score_kind: ScoreKind = "logits"
    orientations: int | None = None
    """Orientations at which a pose holds a vector each, if the model's poses are so arranged."""
    window: float = 180.0
    """Degrees on either side of upright within which `angle` looks."""

    def __init__(self, in_shape: tuple[int, ...], num_classes: int) -> None:
        super().__init__()
        if len(in_shape) - 1 not in self.axes or min(in_shape) < 1:
            expected = " or ".join(_SHAPES[axes] for axes in self.axes)
            raise ValueError(
                f"{type(self).__name__}, in_shape: expected {expected}, "
                f"all at least 1; got {tuple(in_shape)}; take a dataset's in_shape and a model for "
                "such inputs, as `torchcaps models` lists them"
            )
        if num_classes < 1:
            raise ValueError(
                f"{type(self).__name__}, num_classes: expected at least 1; got {num_classes}; "
                "take a dataset's num_classes"
            )
        self.in_shape, self.num_classes = tuple(in_shape), num_classes
        self.rename(self.name)

    def rename(self, name: str) -> None:
        """Take the name of a preset, under which `load_model` builds the model again."""
        self.name = name
        self.config["model"] = name

    @property
    def config(self) -> dict[str, Any]:
        """The model's name and every argument of its constructor, as config.json holds them."""
        if self._hub_mixin_config is None:  # so the mixin leaves it where there are no arguments
            self._hub_mixin_config = {}
        assert isinstance(self._hub_mixin_config, dict)
        return self._hub_mixin_config

    @property
    def classes(self) -> tuple[str, ...]:
        """The name of each class: those of the training data, or numbers."""
        return tuple(self.config.get("classes") or map(str, range(self.num_classes)))

    @classes.setter
    def classes(self, names: Sequence[str]) -> None:
        self.config["classes"] = list(names)

    @classmethod
    def _from_pretrained(cls, *, config: dict[str, Any] | None = None, **hub: Any) -> Any:
        """What the hub's reader calls: weights must match, and the names are kept."""
        known = config or {}
        model = super()._from_pretrained(**{**hub, "strict": True})
        model.rename(known.get("model", cls.name))
        model.config.update({key: known[key] for key in ("classes", "gain") if known.get(key)})
        return model

    @abstractmethod
    def forward(
        self, images: Float[Tensor, "B C *size"], labels: Int[Tensor, " B"] | None = None
    ) -> Output:
        """Scores of `images [B, *in_shape]`; `labels [B]` say which capsule a decoder draws."""

    @abstractmethod
    def make_loss(self) -> nn.Module:
        """The loss this model is trained with: called with `(out, images, labels)`, and with
        `weights=[B]` where images do not all count alike."""

    @property
    def gain(self) -> float:
        """What scores are multiplied with before the softmax of `probabilities`: 1 for logits,
        else what training fitted on the validation images, and 10 before that."""
        return self.config.get("gain") or (1.0 if self.score_kind == "logits" else 10.0)

    @gain.setter
    def gain(self, value: float) -> None:
        self.config["gain"] = value

    def probabilities(self, out: Output) -> Float[Tensor, "B J"]:
        r"""`softmax(gain * scores)`: positive, adding up to 1, in the order of the scores."""
        return (self.gain * at_least_float32(out.scores)).softmax(-1)

    def representations(
        self, images: Float[Tensor, "B C *size"], labels: Int[Tensor, " B"] | None = None
    ) -> dict[str, Tensor]:
        """Layers by name, `[B, ...]`, from the first to what the scores are read from. Maps are
        taken after their ReLU. Those of a model with capsules end with POSES and POSE, the capsule
        of the label, or of the highest score where no labels are given."""
        out = self(images)
        return {"scores": out.scores} if out.poses is None else self.pose_layers(out, labels)

    def pose_layers(self, out: Output, labels: Int[Tensor, " B"] | None) -> dict[str, Tensor]:
        """The last two layers of a model with capsules."""
        assert out.poses is not None
        index = out.scores.argmax(-1) if labels is None else labels
        return {POSES: out.poses, POSE: select_capsule(out.poses, index)}

    def explain(
        self, images: Float[Tensor, "B C *size"], iterations: int | None = None
    ) -> Explanation | None:
        """How routing came to the class capsules, with the model's own number of iterations or
        another; None without routing."""

    def decode(
        self, poses: Float[Tensor, "B J D"], index: Int[Tensor, " B"]
    ) -> Float[Tensor, "B C *size"] | None:
        """Draw the class capsules `index [B]`; None without a decoder."""

    def angle(self, out: Output) -> Float[Tensor, " B"] | None:
        """By how many degrees each input is rotated, counter-clockwise; None if the model cannot
        tell."""

    def orientation_features(
        self, images: Float[Tensor, "B C *size"]
    ) -> dict[str, Float[Tensor, "*_ n d"]] | None:
        """Layers by name as functions of the orientation, which a rotation of the image shifts
        along n (`ops.rotate_pose`); None for a model that is not rotation-equivariant."""

    def prepare(self, dataset: ImageDataset) -> None:
        """Take from the training data what the model must know of them before its first step:
        nothing, unless it says so."""

    def backbone_parameters(self) -> list[nn.Parameter]:
        """Those below the capsules that may have a learning rate of their own; none by default."""
        return []

    def check_images(self, images: Tensor) -> None:
        """Raise a `ValueError` unless `images` is `[B, *in_shape]` in a floating dtype."""
        if images.ndim != len(self.in_shape) + 1 or tuple(images.shape[1:]) != self.in_shape:
            expected, got = ", ".join(map(str, self.in_shape)), tuple(images.shape)
            raise ValueError(
                f"{type(self).__name__}, images: expected [B, {expected}]; got {got}; resize the "
                "images, add the batch axis, or build the model with their in_shape"
            )
        if not images.is_floating_point():
            raise ValueError(
                f"{type(self).__name__}, images: expected pixels in [0, 1] of a floating dtype; "
                f"got {images.dtype}; divide by 255"
            )


def outputs_of(modules: nn.Sequential, x: Tensor, *kinds: type[nn.Module]) -> list[Tensor]:
    """What comes out of every module of these kinds, in order."""
    found = []
    for module in modules:
        x = module(x)
        if isinstance(module, kinds):
            found.append(x)
    return found
