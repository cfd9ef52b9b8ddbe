"""Accuracy and scores against how far the test images are rotated, scaled, shifted or sheared."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Literal, NamedTuple

from torch import Tensor, nn

from torchcaps.analysis.metrics import spread
from torchcaps.data import ImageDataset
from torchcaps.data.transforms import affine
from torchcaps.models import Model, Output
from torchcaps.registry import Registry
from torchcaps.training import evaluate
from torchcaps.training.evaluation import Evaluation

Measure = Literal["accuracy", "score"]


class Transform(NamedTuple):
    """argument: of `data.transforms.affine`, which moves the images. nothing: the amount of it that
    leaves them as they are. axis: what the amount is, in words."""

    argument: str
    nothing: float
    axis: str


TRANSFORMS: Registry[Transform] = Registry("transform")
TRANSFORMS.add("rotation")(Transform("degrees", 0.0, "degrees (+: counter-clockwise)"))
TRANSFORMS.add("scale")(Transform("scale", 1.0, "times as large"))
TRANSFORMS.add("shift")(Transform("dx", 0.0, "pixels to the right"))
TRANSFORMS.add("shear")(Transform("shear", 0.0, "pixels right per pixel down"))


@dataclass(frozen=True)
class TransformCurve:
    """`tests[seed][k]` is the test with the images moved by `amounts[k]` of `transform`; its loss
    is the score, the mean of what the true class gets: the length of its capsule or its activation,
    or the softmax of its logit."""

    transform: str
    amounts: tuple[float, ...]
    tests: list[list[Evaluation]]

    def seeds(self, k: int, what: Measure = "accuracy") -> list[float]:
        """At `amounts[k]`, one a seed: the accuracy in percent, or the score from 0 to 1."""
        if what == "score":
            return [tests[k].loss for tests in self.tests]
        return [100 * tests[k].accuracy for tests in self.tests]

    def mean(self, what: Measure = "accuracy") -> list[float]:
        """At each amount, over the seeds."""
        return [mean(self.seeds(k, what)) for k in range(len(self.amounts))]

    def sd(self, what: Measure = "accuracy") -> list[float]:
        """Sample standard deviation at each amount; 0 where there is one seed."""
        return [spread(self.seeds(k, what)) for k in range(len(self.amounts))]


def measure_transform(
    models: Sequence[Model],
    dataset: ImageDataset,
    transform: str,
    amounts: Sequence[float],
    *,
    each: Callable[[], object] = lambda: None,
) -> TransformCurve:
    """Test models (one a seed) on all of `dataset`, moved by each of `amounts`.

    transform: one of TRANSFORMS; an unknown one is a `ValueError`. Moving is bilinear about the
    centre, with zeros from outside. `each` is called after every test, for whoever shows progress.
    """
    move = TRANSFORMS[transform]
    tests = []
    for model in models:
        row = []
        for amount in amounts:
            row.append(evaluate(model, dataset, _TrueScore(model), transform=_mover(move, amount)))
            each()
        tests.append(row)
    return TransformCurve(transform, tuple(amounts), tests)


class _TrueScore(nn.Module):
    """The mean score of the true class. It takes a loss's place, so that one evaluator counts
    every image once, whatever the batches and however many the processes."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.logits = model.score_kind == "logits"

    def forward(self, out: Output, images: Tensor, labels: Tensor) -> Tensor:
        scores = out.scores.softmax(-1) if self.logits else out.scores
        return scores.gather(1, labels[:, None]).mean()


def _mover(move: Transform, amount: float) -> Callable[[Tensor], Tensor] | None:
    """None for the amount that changes nothing: those images are not even interpolated."""
    if amount == move.nothing:
        return None
    return lambda images: affine(images, **{move.argument: amount})
