"""What an epoch ends with: one pass over the validation images."""

from typing import NamedTuple

from torch import nn

from torchcaps.data import ImageDataset
from torchcaps.models import Calibration, Model
from torchcaps.training.calibrate import fitted, some_pixels
from torchcaps.training.evaluation import evaluate
from torchcaps.training.gathered import Gathered
from torchcaps.training.processes import everywhere


class Validation(NamedTuple):
    """The figures of `evaluate`, None without validation images; what fits the scores."""

    accuracy: float | None = None
    loss: float | None = None
    reconstruction_mse: float | None = None
    score: float | None = None
    calibration: Calibration | None = None


def validate(
    model: Model, dataset: ImageDataset | None, loss: nn.Module, batch_size: int
) -> Validation:
    """Test and calibrate at once; where several processes run, each tests its share."""
    if dataset is None:
        return Validation()
    scored = Gathered()
    found = evaluate(
        model,
        dataset,
        loss,
        batch_size=batch_size,
        collect=lambda scores, labels: scored.add(*some_pixels(scores, labels)),
    )
    calibration = fitted(model, [part for parts in everywhere(scored.rows()) for part in parts])
    figures = found.accuracy, found.loss, found.reconstruction_mse, found.score
    return Validation(*figures, calibration)
