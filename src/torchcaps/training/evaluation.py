"""How good a model is on a dataset: one evaluator for all models."""

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from torchcaps.data import ImageDataset, match_classes
from torchcaps.models import Model, Output
from torchcaps.models.saving import unwrap
from torchcaps.ops.losses import region_error
from torchcaps.training.plain import PlainModel
from torchcaps.training.processes import everywhere, join
from torchcaps.training.tasks import TALLIES


class Evaluation(NamedTuple):
    """accuracy in [0, 1], of images whose class, or all of whose classes, were found, or of pixels
    where each has one; the mean loss of an image; reconstruction_mse per pixel of [0, 1] images,
    drawn from the longest capsule (None without a decoder; where pixels have classes, of those that
    are not background); images counted, each once; score in [0, 1], by which epochs are compared:
    accuracy, the mean average precision where images have several classes, or the mean Dice."""

    accuracy: float
    loss: float
    reconstruction_mse: float | None
    images: int
    score: float


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

    metrics: of torchmetrics, updated with probabilities `[B, J]` and labels (see
        `class_metrics`); its `compute()` then has what they found.

    collect: called with the scores `[B, J]` and labels of each batch of this process.

    The reconstruction is compared with the moved image. Where several processes run, each tests
    its share, every image is counted once, and each process gets the figures of them all.
    """
    dataset = label_for(model, dataset, "evaluate")
    bare = unwrap(model)
    if not isinstance(bare, Model):
        bare = PlainModel(model, dataset.in_shape, dataset.num_classes)
        bare.task = dataset.task
    if transform is not None and dataset.task == "segmentation":
        raise ValueError(
            f"evaluate, transform: expected none, since the masks of {dataset.name!r} would not "
            "move with their images; got one; leave it out (on the command line, --rotate)"
        )
    tally = TALLIES[dataset.task]()
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
        sums.append(_sums(out, moved, labels, loss))
        tally.add(bare, out, labels)
        if collect is not None:
            collect(out.scores.cpu(), labels.cpu())
        if metrics is not None:
            metrics.update(bare.probabilities(out).cpu(), labels.cpu())
    model.train(training)
    parts = [part for parts in everywhere(sums) for part in parts]
    losses, errors, count = (sum(column) for column in zip(*parts, strict=True))
    mse = None if errors != errors else errors / count
    accuracy, score = tally.figures()
    return Evaluation(accuracy, losses / count, mse, int(count), score)


def label_for(model: nn.Module, dataset: ImageDataset, where: str) -> ImageDataset:
    """`dataset` with its labels numbered as the classes of `model`: see `match_classes`.

    A model that was given no names of its classes takes the labels as they are, with a warning
    where the dataset's names are more than numbers. ValueError: classes that the model lacks, or
    labels that say something else than the model answers.
    """
    bare = unwrap(model)
    if not isinstance(bare, Model):
        return dataset
    if dataset.task != bare.task:
        raise ValueError(
            f"{where}, {dataset.name}: expected labels of task {bare.task!r}, as {bare.name} "
            f"answers; got {dataset.task!r}; take data labelled like those it was trained on"
        )
    if bare.config.get("classes") or dataset.num_classes > bare.num_classes:
        return match_classes(dataset, bare.classes, where)
    if dataset.classes != bare.classes[: dataset.num_classes]:
        warnings.warn(
            f"{where}: {bare.name} has no names of its classes, so that label k of "
            f"{dataset.name!r} is taken for its class k; set model.classes before saving",
            stacklevel=3,
        )
    return dataset


def _sums(out: Output, images: Tensor, labels: Tensor, loss: nn.Module) -> tuple[float, float, int]:
    """Sums over a batch: loss, reconstruction error (NaN without a decoder), images."""
    error = float("nan")
    if out.reconstruction is not None and labels.ndim > 2:
        error = region_error(out.reconstruction, images, labels).sum().item()
    elif out.reconstruction is not None:
        error = (out.reconstruction.float() - images).square().flatten(1).mean(1).sum().item()
    return loss(out, images, labels).item() * len(images), error, len(images)
