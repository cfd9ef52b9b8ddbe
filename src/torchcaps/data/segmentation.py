"""Images or volumes with a mask each: the class of every pixel."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from .checks import check_images, check_masks, check_signals
from .dataset import ImageDataset, Task

_IN_A_BYTE = 256


class SegmentationDataset(ImageDataset):
    """Images [N,C,H,W] or volumes [N,C,D,H,W], and a mask [N,*size] for each: `labels` holds the
    class of every pixel, whole numbers from 0.

    images: as in `ImageDataset`; volumes as in `SignalDataset`, all of one size.
    classes: the names of the regions, in the order of the numbers; class 0 is the background, which
        means over the regions leave out.

    `dataset[i]` is an image and its mask, int64 [*size]; `dataset.batch(indices)` gives images and
    masks [B,*size]. Masks are kept in a byte a pixel where there are at most 256 classes.

    ValueError: as for images; masks of another size, or with a number that is no class.
    """

    def __init__(
        self,
        images: Tensor,
        labels: Tensor,
        classes: Sequence[str],
        *,
        name: str = "images",
        split: str = "all",
    ) -> None:
        self.name, self.split, self.classes = name, split, tuple(classes)
        check = check_signals if images.ndim == 5 else check_images
        check(images, name)
        check_masks(labels, images, self.classes, name)
        self.images = images
        self.labels = labels.to(torch.uint8 if self.num_classes <= _IN_A_BYTE else torch.long)

    @property
    def task(self) -> Task:
        return "segmentation"

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        images, masks = self.batch([index])
        return images[0], masks[0]

    def batch(self, indices: Sequence[int] | Tensor) -> tuple[Tensor, Tensor]:
        """Images float32 [B,C,*size] and masks int64 [B,*size] at these indices."""
        images, masks = super().batch(indices)
        return images, masks.long()
