"""What the page opens with: an image and an angle at which the networks disagree."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from torchcaps.data import ImageDataset
from torchcaps.data.transforms import rotate
from torchcaps.explorer.shown import Shown
from torchcaps.models import Output

DEGREES = 40.0
_EXACT = 10.0  # degrees
_UPRIGHT = {"image": 0, "degrees": 0.0}
_IMAGES = 50  # a fraction of a second for small networks


@torch.inference_mode()
def first_view(models: Sequence[Shown], test_set: ImageDataset) -> dict[str, Any]:
    """The number of a test image and degrees of rotation.

    Of the first 50 test images, the first that all networks classify correctly upright and that,
    rotated by 40 degrees, those that measure angles classify correctly, with an error below 10
    degrees, and those without capsules do not; else the first without regard to the angle; else
    the first where the networks differ in any other way; else image 0, upright.
    """
    if not models:
        return _UPRIGHT
    images, labels = test_set.batch(range(min(_IMAGES, len(test_set))))
    rotated = [shown(rotate(images, DEGREES)) for shown in models]
    known = _correct([shown(images) for shown in models], labels).all(0)
    correct = _correct(rotated, labels)
    differ = known & correct.any(0) & ~correct.all(0)
    measuring = correct[[shown.can["angle"] for shown in models]].all(0)
    without_capsules = correct[[shown.pose_dim is None for shown in models]].any(0)
    wanted = differ & measuring & ~without_capsules
    angles = [shown.model.angle(out) for shown, out in zip(models, rotated, strict=True)]
    exact = [(angle.cpu() - DEGREES).abs() < _EXACT for angle in angles if angle is not None]
    for candidates in (torch.stack([wanted, *exact]).all(0), wanted, differ):
        if candidates.any():
            return {"image": int(candidates.nonzero()[0]), "degrees": DEGREES}
    return _UPRIGHT


def _correct(outs: Sequence[Output], labels: Tensor) -> Tensor:
    """Which images each network classifies correctly: [networks, images]."""
    return torch.stack([out.scores.argmax(-1).cpu() == labels for out in outs])
