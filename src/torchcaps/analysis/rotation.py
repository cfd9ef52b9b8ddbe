"""Accuracy against the angle by which the test images are turned."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import mean, stdev

from torch import Tensor

from torchcaps.data import ImageDataset
from torchcaps.data.transforms import rotate
from torchcaps.models import Model
from torchcaps.training import Evaluation, evaluate


@dataclass(frozen=True)
class RotationCurve:
    """`evaluations[seed][k]` is the test at `degrees[k]`, positive counter-clockwise."""

    degrees: tuple[float, ...]
    evaluations: list[list[Evaluation]]

    def accuracies(self, k: int) -> list[float]:
        """Percent at `degrees[k]`, one for each seed."""
        return [100 * seed[k].accuracy for seed in self.evaluations]

    def mean(self) -> list[float]:
        """Percent at each angle, over the seeds."""
        return [mean(self.accuracies(k)) for k in range(len(self.degrees))]

    def sd(self) -> list[float]:
        """Sample standard deviation at each angle in percent points; 0 where there is one seed."""
        several = len(self.evaluations) > 1
        return [stdev(self.accuracies(k)) if several else 0.0 for k in range(len(self.degrees))]


def measure_rotation(
    models: Sequence[Model],
    dataset: ImageDataset,
    degrees: Sequence[float],
    *,
    each: Callable[[], object] = lambda: None,
) -> RotationCurve:
    """Test models (one a seed) on all of `dataset`, turned by each of `degrees`.

    Turning is bilinear about the centre, with zeros from outside. `each` is called after every
    angle, for whoever shows progress.
    """
    evaluations = []
    for model in models:
        tests = []
        for angle in degrees:
            turn = _turn(angle)
            tests.append(evaluate(model, dataset, model.make_loss(), transform=turn))
            each()
        evaluations.append(tests)
    return RotationCurve(tuple(degrees), evaluations)


def _turn(degrees: float) -> Callable[[Tensor], Tensor] | None:
    return (lambda images: rotate(images, degrees)) if degrees else None
