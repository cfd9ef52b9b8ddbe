"""Whether the rotation that a model reports follows that of its image."""

from collections.abc import Sequence

import torch
from torch import Tensor

from torchcaps.analysis.eval_mode import eval_mode
from torchcaps.data import ImageDataset
from torchcaps.data.transforms import rotate
from torchcaps.models import Model


def measure_angle_following(
    model: Model, dataset: ImageDataset, angles: Sequence[float]
) -> dict[float, float]:
    """By angle, the median over the images of the error in degrees: how far the rotation that
    `model` reports for the rotated image is from that for the image as it is, plus the angle.
    Empty for a model that reports none."""
    upright = _reported(model, dataset, 0)
    errors = {}
    for degrees in angles:
        turned = _reported(model, dataset, degrees)
        if turned is not None and upright is not None:
            missed = (turned - upright - degrees + 180) % 360 - 180
            errors[degrees] = float(missed.abs().median())
    return errors


@torch.no_grad()
def _reported(model: Model, dataset: ImageDataset, degrees: float) -> Tensor | None:
    """For each image, rotated by `degrees`."""
    found = []
    with eval_mode(model) as device:
        for chosen in torch.arange(len(dataset)).split(250):
            images = dataset.batch(chosen)[0].to(device)
            angle = model.angle(model(rotate(images, degrees) if degrees else images))
            if angle is None:
                return None
            found.append(angle.cpu())
    return torch.cat(found)
