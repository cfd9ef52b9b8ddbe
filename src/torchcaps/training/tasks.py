"""What each task counts of the answers, and which figure says how good they are."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from torchcaps.data import Task
from torchcaps.models import Model, Output
from torchcaps.ops.overlap import overlap
from torchcaps.training.gathered import Gathered
from torchcaps.training.processes import everywhere

SCORES: dict[Task, str] = {
    "classes": "accuracy",
    "multilabel": "mean_average_precision",
    "segmentation": "mean_dice",
}
"""The figure, from 0 to 1, by which an epoch is the best one."""


def score_of(record: Mapping[str, Any]) -> tuple[str, float | None]:
    """Name and value of that figure in a line of metrics.jsonl."""
    name = next((name for name in reversed(SCORES.values()) if name in record), "accuracy")
    return name, record[name]


class OneClass:
    """Counts what one process is shown. An answer is right if the label has the highest score."""

    def __init__(self) -> None:
        self.right = self.images = 0

    def add(self, model: Model, out: Output, labels: Tensor) -> None:
        self.right += int((out.scores.argmax(-1) == labels).sum())
        self.images += len(labels)

    def figures(self) -> tuple[float, float]:
        """Of all processes: the share of right answers, and the figure of `SCORES`."""
        counted = everywhere((self.right, self.images))
        right, images = (sum(column) for column in zip(*counted, strict=True))
        return right / images, right / images


class SeveralClasses(OneClass):
    """An answer is right if all classes of the image are found and no other (exact match). Scored
    by the mean over classes of the average precision $\\sum_n (R_n - R_{n-1}) P_n$, of those
    classes that some image has."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = Gathered()

    def add(self, model: Model, out: Output, labels: Tensor) -> None:
        self.right += int((model.present(out) == labels.bool()).all(-1).sum())
        self.images += len(labels)
        self.seen.add(model.probabilities(out).cpu(), labels.cpu())

    def figures(self) -> tuple[float, float]:
        from torchmetrics.functional.classification import multilabel_average_precision

        accuracy, _ = super().figures()
        seen = [part for parts in everywhere(self.seen.rows()) for part in parts]
        found, labels = (torch.cat(column) for column in zip(*seen, strict=True))
        shown = labels.any(0)
        if not shown.any():
            return accuracy, 0.0
        each = multilabel_average_precision(
            found[:, shown].double(), labels[:, shown], int(shown.sum())
        )
        return accuracy, float(each)


class Regions(OneClass):
    """Counts pixels. Scored by the mean over the classes but the background, class 0, of the mean
    Dice over the images that have the class in the mask or in the answer; see `ops.overlap`."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = Gathered()

    def add(self, model: Model, out: Output, labels: Tensor) -> None:
        answers = out.scores.argmax(1)
        self.right += int((answers == labels).sum())
        self.images += labels.numel()  # every pixel is an answer
        found = overlap(answers, labels, model.num_classes)
        self.seen.add(found.dice.cpu(), found.iou.cpu())

    def figures(self) -> tuple[float, float]:
        accuracy, _ = super().figures()
        seen = [part for parts in everywhere(self.seen.rows()) for part in parts]
        dice = torch.cat([dice for dice, _ in seen])
        mean = dice.nanmean(0)[1:].nanmean()
        return accuracy, float(mean.nan_to_num(0.0))


TALLIES: dict[Task, type[OneClass]] = {
    "classes": OneClass,
    "multilabel": SeveralClasses,
    "segmentation": Regions,
}
