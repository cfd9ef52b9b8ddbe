"""How good a model is on a dataset: one evaluator for all models."""

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from torchcaps.data import ImageDataset, match_classes
from torchcaps.models import Model, Output
from torchcaps.models.saving import unwrap
from torchcaps.training.processes import everywhere, join


class Evaluation(NamedTuple):
    """accuracy in [0, 1]; the mean loss of an image; reconstruction_mse per pixel of [0, 1] images,
    drawn from the longest capsule (None without a decoder); images counted, each once."""

    accuracy: float
    loss: float
    reconstruction_mse: float | None
    images: int


@torch.no_grad()
def evaluate(
    model: nn.Module,
    dataset: ImageDataset,
    loss: nn.Module,
    *,
    transform: Callable[[Tensor], Tensor] | None = None,
    batch_size: int = 250,
    metrics: Any = None,
    collect: Callable[[Tensor, Tensor], object] | None = None,
) -> Evaluation:
    """Test `model` on every image of `dataset`, moved by `transform` first.

    Labels are matched to the model's classes by name: see `label_for`.

    metrics: of torchmetrics, updated with probabilities `[B, J]` and labels `[B]` (see
        `class_metrics`); its `compute()` then has what they found.

    collect: called with the scores `[B, J]` and labels `[B]` of each batch of this process.

    The reconstruction is compared with the moved image. Where several processes run, each tests
    its share, every image is counted once, and each process gets the figures of them all.
    """
    dataset = label_for(model, dataset, "evaluate")
    processes = join()
    device = next(model.parameters()).device
    share = torch.arange(processes.process_index, len(dataset), processes.num_processes)
    training = model.training
    model.eval()
    sums = []
    for batch in dataset.batches(share.split(batch_size) if len(share) else ()):
        images, labels = (part.to(device) for part in batch)
        moved = images if transform is None else transform(images)
        out = model(moved)
        sums.append(_score(out, moved, labels, loss))
        if collect is not None:
            collect(out.scores.cpu(), labels.cpu())
        if metrics is not None:
            bare = unwrap(model)
            assert isinstance(bare, Model)
            metrics.update(bare.probabilities(out).cpu(), labels.cpu())
    model.train(training)
    parts = [part for parts in everywhere(sums) for part in parts]
    correct, losses, errors, count = (sum(column) for column in zip(*parts, strict=True))
    mse = None if errors != errors else errors / count
    return Evaluation(correct / count, losses / count, mse, int(count))


def label_for(model: nn.Module, dataset: ImageDataset, where: str) -> ImageDataset:
    """`dataset` with its labels numbered as the classes of `model`: see `match_classes`.

    A model that was given no names of its classes takes the labels as they are, with a warning
    where the dataset's names are more than numbers. ValueError: classes that the model lacks.
    """
    bare = unwrap(model)
    if not isinstance(bare, Model):
        return dataset
    if bare.config.get("classes") or dataset.num_classes > bare.num_classes:
        return match_classes(dataset, bare.classes, where)
    if dataset.classes != bare.classes[: dataset.num_classes]:
        warnings.warn(
            f"{where}: {bare.name} has no names of its classes, so that label k of "
            f"{dataset.name!r} is taken for its class k; set model.classes before saving",
            stacklevel=3,
        )
    return dataset


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


def _score(
    out: Output, images: Tensor, labels: Tensor, loss: nn.Module
) -> tuple[float, float, float, int]:
    """Sums over a batch: correct, loss, reconstruction error (NaN without a decoder), images."""
    correct = (out.scores.argmax(-1) == labels).sum().item()
    error = float("nan")
    if out.reconstruction is not None:
        error = (out.reconstruction.float() - images).square().flatten(1).mean(1).sum().item()
    return correct, loss(out, images, labels).item() * len(images), error, len(images)
