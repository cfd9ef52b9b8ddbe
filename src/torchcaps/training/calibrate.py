"""Makes the probabilities of a trained model mean what they say."""

import torch
from torch import Tensor

from torchcaps.data import ImageDataset
from torchcaps.models import Calibration, Model
from torchcaps.ops.calibration import best_thresholds, calibration_gain, calibration_line
from torchcaps.training.gathered import Gathered, Rows

_PIXELS = 1000  # of an image, evenly spread: as good as all, and small


def some_pixels(scores: Tensor, labels: Tensor) -> Rows:
    """Scores and labels as they are; of masks `[B, *size]` those of some pixels, `[N, J]` and
    `[N]`."""
    if scores.ndim == 2:
        return scores, labels
    step = -(-labels[0].numel() // _PIXELS)
    some, wanted = scores.flatten(2)[..., ::step], labels.flatten(1)[:, ::step]
    return some.movedim(1, -1).flatten(0, 1), wanted.flatten()


@torch.no_grad()
def calibrate(model: Model, dataset: ImageDataset, *, batch_size: int = 250) -> None:
    """Set `model.calibration` to what fits `dataset` best: images that the weights were not trained
    on. See `fitted`."""
    device, training = next(model.parameters()).device, model.training
    model.eval()
    scored = Gathered()
    for images, labels in dataset.batches(torch.arange(len(dataset)).split(batch_size)):
        scored.add(*some_pixels(model(images.to(device)).scores.cpu(), labels))
    model.train(training)
    if (found := fitted(model, scored.rows())) is not None:
        model.calibration = found


def fitted(model: Model, scored: list[Rows]) -> Calibration | None:
    """The calibration for scores and labels that are known, batch by batch: the gain of
    `ops.calibration_gain`; where an image has several classes the line of
    `ops.calibration_line` and the `ops.best_thresholds` of the probabilities that it gives.

    None where the model keeps its own: logits are trained as they are, and so is a model of a
    single class.
    """
    if model.task == "multilabel":
        scores, labels = (torch.cat(column) for column in zip(*scored, strict=True))
        gain, offset = calibration_line(scores, labels)
        levels = best_thresholds((gain * scores.double() - offset).sigmoid(), labels)
        return Calibration(gain, offset, tuple(levels))
    if model.score_kind == "logits" or model.num_classes < 2:
        return None
    scores, labels = (torch.cat(column) for column in zip(*scored, strict=True))
    return Calibration(calibration_gain(scores, labels))
