"""Labelled images that are not held but read, whenever a batch of them is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from .checks import check_labels
from .dataset import ImageDataset, as_unit_float, one_label


class ReadDataset(ImageDataset):
    """`count` images that do all that those of an `ImageDataset` do, without its attribute
    `images`. A subclass says how they are read, and what a part of them is."""

    def __init__(
        self,
        count: int,
        in_shape: Sequence[int],
        labels: Tensor,
        classes: Sequence[str],
        *,
        name: str,
        split: str,
    ) -> None:
        self.name, self.split, self.classes = name, split, tuple(classes)
        self._in_shape = tuple(in_shape)
        check_labels(labels, count, self.classes, name)
        self.labels = labels.long()

    def _read(self, indices: list[int]) -> Tensor:
        """Images [B,C,H,W], uint8 or floating, at these indices, none of them negative."""
        raise NotImplementedError

    def _part(self, indices: list[int], labels: Tensor, classes: Sequence[str]) -> ImageDataset:
        """The images at these indices, with these labels [B] of these classes."""
        raise NotImplementedError

    def __getattr__(self, name: str) -> Any:
        if name == "images":
            raise AttributeError(
                f"{self.name}, images: expected {self.noun} that are held in memory; these are "
                f"read when a batch is asked for; take batch(indices), or hold some of them: "
                "ImageDataset(*dataset.batch(indices), dataset.classes)"
            )
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

    @property
    def in_shape(self) -> tuple[int, ...]:
        return self._in_shape

    def __getitem__(self, index: int) -> tuple[Tensor, int | Tensor]:
        images, labels = self.batch([index])
        return images[0], one_label(labels, 0)

    def batch(self, indices: Sequence[int] | Tensor) -> tuple[Tensor, Tensor]:
        chosen = self._chosen(indices)
        return as_unit_float(self._read(chosen.tolist())), self.labels[chosen]

    def subset(self, indices: Sequence[int] | Tensor) -> ImageDataset:
        self._check_some(torch.as_tensor(indices))
        chosen = self._chosen(indices)
        return self._part(chosen.tolist(), self.labels[chosen], self.classes)

    def relabelled(self, labels: Tensor, classes: Sequence[str]) -> ImageDataset:
        return self._part(list(range(len(self))), labels, classes)

    def _chosen(self, indices: Sequence[int] | Tensor) -> Tensor:
        """Places from 0 on, of indices or of a mask, as a tensor is indexed."""
        return torch.arange(len(self))[torch.as_tensor(indices)]
