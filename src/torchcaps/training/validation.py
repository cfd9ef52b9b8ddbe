"""What an epoch ends with: one pass over the validation images."""

from typing import NamedTuple

from torch import Tensor, nn

from torchcaps.data import ImageDataset
from torchcaps.models import Model
from torchcaps.training.calibrate import fitted_gain
from torchcaps.training.evaluation import evaluate
from torchcaps.training.processes import everywhere


class Validation(NamedTuple):
    """The figures of `evaluate`, None without validation images; the gain that fits the scores."""

    accuracy: float | None = None
    loss: float | None = None
    reconstruction_mse: float | None = None
    gain: float | None = None


class _Scored:
    """Scores and labels of at most `most` images, in two tensors that are there from the start:
    small ones, kept between the large ones of each batch, would keep the memory of those too."""

    def __init__(self, most: int) -> None:
        self.most, self.count = most, 0

    def add(self, scores: Tensor, labels: Tensor) -> None:
        if self.count == 0:
            self.scores = scores.new_empty(self.most, *scores.shape[1:])
            self.labels = labels.new_empty(self.most, *labels.shape[1:])
        end = self.count + len(labels)
        self.scores[self.count : end], self.labels[self.count : end] = scores, labels
        self.count = end

    def all(self) -> list[tuple[Tensor, Tensor]]:
        whole = self.count and [(self.scores[: self.count], self.labels[: self.count])]
        return whole or []  # of a process that had no image


def validate(
    model: Model, dataset: ImageDataset | None, loss: nn.Module, batch_size: int
) -> Validation:
    """Test and calibrate at once; where several processes run, each tests its share."""
    if dataset is None:
        return Validation()
    scored = _Scored(len(dataset))
    found = evaluate(model, dataset, loss, batch_size=batch_size, collect=scored.add)
    gain = fitted_gain(model, [part for parts in everywhere(scored.all()) for part in parts])
    return Validation(found.accuracy, found.loss, found.reconstruction_mse, gain)
