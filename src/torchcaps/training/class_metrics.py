"""Figures of each class, by torchmetrics."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from torchcaps.models import Model
from torchcaps.ops.overlap import overlap


def class_metrics(num_classes: int) -> Any:
    """A torchmetrics collection for `evaluate`: precision, recall and F1 of each class, confusion
    matrix (rows are true classes), and expected calibration error in 15 bins."""
    from torchmetrics import MetricCollection
    from torchmetrics.classification import (
        MulticlassCalibrationError,
        MulticlassConfusionMatrix,
        MulticlassF1Score,
        MulticlassPrecision,
        MulticlassRecall,
    )

    return MetricCollection(
        {
            "precision": MulticlassPrecision(num_classes, average=None),
            "recall": MulticlassRecall(num_classes, average=None),
            "f1": MulticlassF1Score(num_classes, average=None),
            "confusion": MulticlassConfusionMatrix(num_classes),
            "calibration_error": MulticlassCalibrationError(num_classes, n_bins=15),
        }
    )


def multilabel_metrics(thresholds: Sequence[float]) -> Any:
    """The same where an image has several classes, each found from its threshold on (see
    `models.Calibration`): precision, recall, F1 and average precision of each class, the confusion
    matrices `[J, 2, 2]`, and the expected calibration error over all images and classes."""
    from torchmetrics import MetricCollection
    from torchmetrics.classification import (
        BinaryCalibrationError,
        MultilabelAveragePrecision,
        MultilabelConfusionMatrix,
        MultilabelF1Score,
        MultilabelPrecision,
        MultilabelRecall,
    )
    from torchmetrics.wrappers import LambdaInputTransformer

    count, levels = len(thresholds), torch.tensor(thresholds)

    def decided(metric: Any) -> Any:
        return LambdaInputTransformer(metric, transform_pred=lambda p: (p >= levels.to(p)).int())

    return MetricCollection(
        {
            "precision": decided(MultilabelPrecision(count, average=None)),
            "recall": decided(MultilabelRecall(count, average=None)),
            "f1": decided(MultilabelF1Score(count, average=None)),
            "confusion": decided(MultilabelConfusionMatrix(count)),
            "average_precision": MultilabelAveragePrecision(count, average=None),
            "calibration_error": BinaryCalibrationError(n_bins=15),
        },
        compute_groups=False,
    )


class HighestScores:
    """How many of the K classes of an image have its K highest scores, whatever the thresholds:
    both figures published of MultiMNIST (K = 2). `add` is for `evaluate`'s `collect`.

        exact match: all K of an image (Sabour et al. 2017)
        per class: the mean share of the K (Mazzia et al. 2021), which is higher
    """

    def __init__(self) -> None:
        self.exact = self.found = self.images = 0
        self.counts: set[int] = set()

    def add(self, scores: Tensor, labels: Tensor) -> None:
        """Scores `[B, J]` and labels `[B, J]` of 0 and 1."""
        counts = labels.sum(1)
        rank = scores.argsort(1, descending=True).argsort(1)
        found = (labels.bool() & (rank < counts[:, None])).sum(1)
        self.exact += int((found == counts).sum())
        self.found += int(found.sum())
        self.images += len(labels)
        self.counts.update(counts.tolist())

    def figures(self) -> dict[str, float]:
        """Both by name, such as "top 2 exact match"; empty unless all images have as many classes,
        at least one."""
        if len(self.counts) != 1 or 0 in self.counts:
            return {}
        (k,) = self.counts
        exact, each = self.exact / self.images, self.found / (k * self.images)
        return {f"top {k} exact match": exact, f"top {k} per class": each}


class RegionMetrics:
    """Where every pixel has a class: the mean Dice and IoU of each class over the images that have
    it in the mask or in the answer (NaN where none has), and how many have it in the mask."""

    def __init__(self, num_classes: int) -> None:
        self.num_classes = num_classes
        self.seen: list[Tensor] = []  # [B, 3, J]

    def update(self, probabilities: Tensor, masks: Tensor) -> None:
        found = overlap(probabilities.argmax(1), masks, self.num_classes)
        classes = torch.arange(self.num_classes)
        there = (masks.flatten(1).unsqueeze(-1) == classes).any(1)
        self.seen.append(torch.stack([*found, there.double()], 1))

    def compute(self) -> dict[str, Tensor]:
        every = torch.cat(self.seen)
        dice, iou = every[:, :2].nanmean(0)
        return {"dice": dice, "iou": iou, "images": every[:, 2].sum(0).long()}


def metrics_of(model: Model) -> Any:
    """Those of the model's task."""
    if model.task == "segmentation":
        return RegionMetrics(model.num_classes)
    if model.task == "multilabel":
        return multilabel_metrics(model.calibration.thresholds)
    return class_metrics(max(2, model.num_classes))
