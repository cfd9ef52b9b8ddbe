"""Figures of each class, by torchmetrics."""

from collections.abc import Sequence
from typing import Any

from torchcaps.models import Model


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
    import torch
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


def metrics_of(model: Model) -> Any:
    """Those of the model's task."""
    if model.task == "multilabel":
        return multilabel_metrics(model.calibration.thresholds)
    return class_metrics(max(2, model.num_classes))
