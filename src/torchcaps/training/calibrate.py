"""Makes the probabilities of a trained model mean what they say."""

import torch

from torchcaps.data import ImageDataset
from torchcaps.models import Model
from torchcaps.ops.calibration import calibration_gain


@torch.no_grad()
def calibrate(model: Model, dataset: ImageDataset, *, batch_size: int = 250) -> None:
    """Set `model.gain` to what fits `dataset` best (see `ops.calibration_gain`): images that the
    weights were not trained on, the validation images in training. Logits are trained as they are
    and keep a gain of 1, and so does a model of a single class.
    """
    if model.score_kind == "logits" or model.num_classes < 2 or not len(dataset):
        return
    device, training = next(model.parameters()).device, model.training
    model.eval()
    batches = torch.arange(len(dataset)).split(batch_size)
    scores = [model(dataset.batch(chosen)[0].to(device)).scores.cpu() for chosen in batches]
    model.train(training)
    model.gain = calibration_gain(torch.cat(scores), dataset.labels)
