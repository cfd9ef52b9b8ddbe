"""Labelled images held in memory, handed out one by one or a whole batch at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

import torch
from torch import Tensor
from torch.utils.data import Dataset, default_collate

from .checks import check_images, check_labels, check_signals

Task = Literal["classes", "multilabel", "segmentation"]
"""What labels say: one class of each image, several, or one of each pixel."""


class Batch:
    """A ready batch that still reads as a list of samples.

    `images` float32 [B,C,H,W] and `labels` int64 [B] or [B,J] were cut out in one go. A loader with
    `collate_fn=ImageDataset.collate` takes them as they are; PyTorch's default collate sees
    B samples and stacks them again: slower, the same result.
    """

    def __init__(self, images: Tensor, labels: Tensor) -> None:
        self.images = images
        self.labels = labels

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int | Tensor]:
        return self.images[index], one_label(self.labels, index)


class ImageDataset(Dataset[tuple[Tensor, int | Tensor]]):
    """Images with labels, as one tensor each.

    images: uint8 0..255, or floating in [0,1], [N,C,H,W]; kept as given, so that 60,000 MNIST
        images take 47 MB and not 188.
    labels: integers [N], 0 <= label < len(classes); or [N,J] of 0 and 1, or bool, which say of each
        of the J classes whether it is in the image (`task` is then "multilabel").
    classes: the name of each class, in label order.
    name, split: where the images come from; used in messages and reports.

    `dataset[i]` is a float32 image [C,H,W] in [0,1] and its label; `dataset.batch(indices)` is
    a whole batch. Give a loader the fast path with

        DataLoader(dataset, batch_size=128, collate_fn=ImageDataset.collate)

    ValueError: a wrong rank or dtype, unequal lengths, a label outside the classes, a pixel that
    is NaN, infinite or outside [0,1].
    """

    noun = "images"

    def __init__(
        self,
        images: Tensor,
        labels: Tensor,
        classes: Sequence[str],
        *,
        name: str = "images",
        split: str = "all",
    ) -> None:
        self.name = name
        self.split = split
        self.classes = tuple(classes)
        self._check(images, name)
        check_labels(labels, len(images), self.classes, name)
        self.images = images
        self.labels = labels.long()

    @staticmethod
    def _check(images: Tensor, name: str) -> None:
        check_images(images, name)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({self.name!r}, split={self.split!r}, {len(self)} {self.noun} "
            f"of {self.in_shape}, {self.num_classes} classes)"
        )

    @property
    def in_shape(self) -> tuple[int, ...]:
        """(C, H, W) of one image; of signals (C, L), of volumes (C, D, H, W)."""
        return tuple(self.images.shape[1:])

    @property
    def num_classes(self) -> int:
        return len(self.classes)

    @property
    def task(self) -> Task:
        """What labels say."""
        return "classes" if self.labels.ndim == 1 else "multilabel"

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int | Tensor]:
        return as_unit_float(self.images[index]), one_label(self.labels, index)

    def __getitems__(self, indices: Sequence[int] | Tensor) -> Batch:
        """What a DataLoader calls, once a batch."""
        return Batch(*self.batch(indices))

    def batch(self, indices: Sequence[int] | Tensor) -> tuple[Tensor, Tensor]:
        """Images float32 [B,C,H,W] in [0,1] and labels int64 [B] or [B,J] at these indices."""
        chosen = torch.as_tensor(indices)
        return as_unit_float(self.images[chosen]), self.labels[chosen]

    def batches(self, chosen: Iterable[Sequence[int] | Tensor]) -> Iterator[tuple[Tensor, Tensor]]:
        """`batch` of each of these indices in turn."""
        return map(self.batch, chosen)

    @staticmethod
    def collate(batch: Batch | list[tuple[Tensor, int | Tensor]]) -> tuple[Tensor, Tensor]:
        """Hand a ready batch through; stack the samples of any other dataset."""
        if isinstance(batch, Batch):
            return batch.images, batch.labels
        images, labels = default_collate(batch)
        return images, labels

    def subset(self, indices: Sequence[int] | Tensor) -> ImageDataset:
        """The images at these indices (or where a boolean mask [N] is true), in this order."""
        chosen = torch.as_tensor(indices)
        self._check_some(chosen)
        return self._holding(self.images[chosen], self.labels[chosen], self.classes)

    def relabelled(self, labels: Tensor, classes: Sequence[str]) -> ImageDataset:
        """The same images with these labels, as in the constructor, of these classes."""
        return self._holding(self.images, labels, classes)

    def _holding(self, images: Tensor, labels: Tensor, classes: Sequence[str]) -> ImageDataset:
        return type(self)(images, labels, classes, name=self.name, split=self.split)

    def first(self, n: int) -> ImageDataset:
        """The first n images."""
        self._check_count("first", n)
        return self.subset(torch.arange(n))

    def sample(self, n: int, seed: int = 0) -> ImageDataset:
        """n different images drawn at random; the same seed draws the same ones."""
        self._check_count("sample", n)
        order = torch.randperm(len(self), generator=torch.Generator().manual_seed(seed))
        return self.subset(order[:n])

    def _check_some(self, chosen: Tensor) -> None:
        if chosen.numel() == 0:
            raise ValueError(
                f"{self.name}.subset, indices: expected at least one; got none; "
                "check what selected them"
            )

    def _check_count(self, method: str, n: int) -> None:
        if not 1 <= n <= len(self):
            raise ValueError(
                f"{self.name}.{method}, n: expected 1 to {len(self)}, the {self.noun} in split "
                f"{self.split!r}; got {n}; ask for fewer, or load a larger split"
            )


class SignalDataset(ImageDataset):
    """Signals [N,C,L] or volumes [N,C,D,H,W] in the place of images.

    images: uint8, which is divided by 255 as in pictures, or floating: any numbers, which the
        models for signals standardise by the training data.

    Signals are as long as the longest of them: what is shorter ends with NaN in all channels, which
    is no number but the place where none is. A model reads from there which positions it has, so
    that a batch is a batch and `model(images, labels)` is all there is to call.

    ValueError: as for images, a signal without any position, an infinite number, a NaN before the
    end of a signal or in some channels alone.
    """

    noun = "signals"

    @staticmethod
    def _check(images: Tensor, name: str) -> None:
        check_signals(images, name)


def one_label(labels: Tensor, index: int) -> int | Tensor:
    """A class as a number, several classes as they are."""
    return int(labels[index]) if labels.ndim == 1 else labels[index]


def as_unit_float(images: Tensor) -> Tensor:
    """uint8 0..255 to float32 in [0,1]; floats to float32."""
    return images.float() / 255 if images.dtype == torch.uint8 else images.float()
