"""Makes the probabilities of a trained model mean what they say."""

import torch
from torch import Tensor

from torchcaps.data import ImageDataset
from torchcaps.models import Model
from torchcaps.ops.calibration import calibration_gain

Scored = list[tuple[Tensor, Tensor]]


@torch.no_grad()
def calibrate(model: Model, dataset: ImageDataset, *, batch_size: int = 250) -> None:
    """Set `model.gain` to what fits `dataset` best (see `ops.calibration_gain`): images that the
    weights were not trained on. Logits are trained as they are and keep a gain of 1, and so does a
    model of a single class.
    """
    if model.score_kind == "logits" or model.num_classes < 2:
        return
    device, training = next(model.parameters()).device, model.training
    model.eval()
    batches = dataset.batches(torch.arange(len(dataset)).split(batch_size))
    scores = [model(images.to(device)).scores.cpu() for images, _ in batches]
    model.train(training)
    model.gain = calibration_gain(torch.cat(scores), dataset.labels)


def fitted_gain(model: Model, scored: Scored) -> float | None:
    """The gain of `calibrate` for scores and labels that are known, batch by batch; None where the
    model keeps its own."""
    if model.score_kind == "logits" or model.num_classes < 2:
        return None
    scores, labels = (torch.cat(column) for column in zip(*scored, strict=True))
    return calibration_gain(scores, labels)
