"""What the page opens with: an image and an angle at which the networks disagree."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from torchcaps.data import ImageDataset
from torchcaps.data.transforms import rotate
from torchcaps.explorer.shown import Shown

DEGREES = 40.0
_IMAGES = 50  # a fraction of a second for small networks


@torch.inference_mode()
def first_view(models: Sequence[Shown], test_set: ImageDataset) -> dict[str, Any]:
    """The number of a test image and degrees of rotation.

    Of the first 50 test images, the first that all networks classify correctly upright and that,
    rotated by 40 degrees, those that tell angles classify correctly and those without capsules do
    not; else the first on which the networks differ in any other way; else image 0, upright.
    """
    images, labels = test_set.batch(range(min(_IMAGES, len(test_set))))

    def correct(degrees: float) -> Tensor:  # [models, images]
        moved = rotate(images, degrees)
        return torch.stack([one(moved).scores.argmax(-1).cpu() == labels for one in models])

    if models:
        known, turned = correct(0).all(0), correct(DEGREES)
        differ = turned.any(0) & ~turned.all(0)
        steady = turned[[one.can["angle"] for one in models]].all(0)
        plain = turned[[one.pose_dim is None for one in models]].any(0)
        for wanted in (known & differ & steady & ~plain, known & differ):
            if wanted.any():
                return {"image": int(wanted.nonzero()[0]), "degrees": DEGREES}
    return {"image": 0, "degrees": 0.0}
