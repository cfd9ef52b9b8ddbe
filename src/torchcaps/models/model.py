"""What every model shares: its answer, its checks, its way to and from the hub."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from huggingface_hub import PyTorchModelHubMixin
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from torchcaps.data import ImageDataset, Task
from torchcaps.models.explanation import Explanation
from torchcaps.models.saved_files import LEARNT
from torchcaps.nn.routing_module import ScoreKind
from torchcaps.ops import check_labels, select_capsule
from torchcaps.ops.losses import check_targets
from torchcaps.ops.masking import one_hot
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

    Where each pixel has a class, the first three have the axes of positions after J.
    """

    scores: Tensor
    poses: Tensor | None = None
    activations: Tensor | None = None
    reconstruction: Tensor | None = None


class Calibration(NamedTuple):
    """What is fitted on the validation images so that answers mean what they say.

    gain, offset: a probability is `softmax(gain * scores)`; where an image has several classes,
        `sigmoid(gain * score - offset)` of each.
    thresholds: the probability from which on a class counts as present, for each; empty where an
        image has one class.
    """

    gain: float
    offset: float = 0.0
    thresholds: tuple[float, ...] = ()


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
    tasks: tuple[Task, ...] = ("classes",)
    """What it can be trained for."""
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
        model.learnt(known)
        return model

    def learnt(self, config: Mapping[str, Any]) -> None:
        """Take what a saved configuration holds beside the constructor's arguments."""
        self.config.update({key: config[key] for key in LEARNT if config.get(key)})

    @property
    def task(self) -> Task:
        """What the model answers: the class of an image, the classes in it, or that of a pixel."""
        return self.config.get("task", self.tasks[0])

    @task.setter
    def task(self, task: Task) -> None:
        if task not in self.tasks:
            raise ValueError(
                f"{self.name}, task: expected {' or '.join(self.tasks)}; got {task!r}, as the "
                "labels of the data say; take another model, or other data"
            )
        if task == "multilabel" and getattr(self, "decoder", None) is not None:
            raise ValueError(
                f"{self.name}, decoder: expected 'none' where an image has several classes, as a "
                "decoder draws from the capsule of one; got one; build the model without it"
            )
        self.config["task"] = task
        if task == self.tasks[0]:  # which needs no word in config.json
            del self.config["task"]

    @abstractmethod
    def forward(
        self, images: Float[Tensor, "B C *size"], labels: Int[Tensor, "B ..."] | None = None
    ) -> Output:
        """Scores of `images [B, *in_shape]`; `labels [B]` say which capsule a decoder draws. Where
        images have several classes they are `[B, J]`, and only checked."""

    @abstractmethod
    def make_loss(self) -> nn.Module:
        """The loss this model is trained with: called with `(out, images, labels)`, and with
        `weights=[B]` where images do not all count alike."""

    @property
    def calibration(self) -> Calibration:
        """What training fitted on the validation images. Before that the gain is 1 for logits and
        10 for others, whose offset is then 5, and the thresholds are 0.5."""
        logits, several = self.score_kind == "logits", self.task == "multilabel"
        gain = self.config.get("gain") or (1.0 if logits else 10.0)
        offset = self.config.get("offset", 5.0 if several and not logits else 0.0)
        unfitted = (0.5,) * self.num_classes if several else ()
        return Calibration(gain, offset, tuple(self.config.get("thresholds") or unfitted))

    @calibration.setter
    def calibration(self, fitted: Calibration) -> None:
        self.config["gain"] = fitted.gain
        if self.task == "multilabel":
            self.config.update(offset=fitted.offset, thresholds=list(fitted.thresholds))

    @property
    def gain(self) -> float:
        """That of `calibration`."""
        return self.calibration.gain

    def probabilities(self, out: Output) -> Float[Tensor, "B J"]:
        r"""`softmax(gain * scores)`: positive, adding up to 1, in the order of the scores. Where an
        image has several classes, `sigmoid(gain * scores - offset)`, each for itself."""
        gain, offset, _ = self.calibration
        scores = gain * at_least_float32(out.scores)
        return (scores - offset).sigmoid() if self.task == "multilabel" else scores.softmax(-1)

    def present(self, out: Output) -> Bool[Tensor, "B J"]:
        """Which classes an image has: those whose probability reaches their threshold, or the one
        of the highest score where an image has one."""
        if self.task != "multilabel":
            return one_hot(out.scores.argmax(-1), self.num_classes, torch.float32).bool()
        found = self.probabilities(out)
        return found >= found.new_tensor(self.calibration.thresholds)

    def chosen(self, scores: Float[Tensor, "B J"], labels: Tensor | None) -> Int[Tensor, " B"]:
        """The capsule that a decoder draws: that of the label, which is checked, or of the highest
        score, without a label or where an image has several."""
        where = type(self).__name__
        if labels is None:
            return scores.argmax(-1)
        if self.task == "multilabel":
            check_targets(labels, scores, where)
            return scores.argmax(-1)
        check_labels(labels, len(scores), self.num_classes, where)
        return labels

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
