"""Picture files as a dataset: held in memory if they are few, else read batch by batch."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor

from .dataset import ImageDataset
from .images import Fit, check_picture, read_pixels
from .read_dataset import ReadDataset

HELD_BYTES = 10**9  # of pixels; what is larger is read from the disk again and again
_THREADS = min(8, os.cpu_count() or 1)  # decoders run side by side
_AT_ONCE = 256  # files that wait for a thread
T = TypeVar("T")


class PictureFiles(ReadDataset):
    """Pictures that are read from their files, each as `read_pixels` reads it, by a few threads,
    whenever a batch is asked for: the same numbers as if they were held.

    A part of at most 1 GB of pixels is an `ImageDataset`, which holds them.

    ValueError: a file that is gone or damaged, once its turn comes; a batch of more than 1 GB.
    """

    def __init__(
        self,
        files: Sequence[Path],
        in_shape: tuple[int, int, int],
        fit: Fit,
        labels: Tensor,
        classes: Sequence[str],
        *,
        name: str,
        split: str,
    ) -> None:
        super().__init__(len(files), in_shape, labels, classes, name=name, split=split)
        self.files, self._shape = list(files), in_shape
        self._fit: Fit = fit

    def loaded(self) -> ImageDataset:
        """All in memory, if that takes up to 1 GB; else these, which a warning says, once size and
        header of each file are checked. A ValueError for files that cannot be read."""
        if self._bytes(len(self)) <= HELD_BYTES:
            return self._held()
        _for_each(self.files, check_picture)
        warnings.warn(
            f"load_dataset {self.name!r}, {self.split}: {len(self):,} pictures of together "
            f"{self._gigabytes(len(self))} are read from the disk batch by batch; up to "
            f"{HELD_BYTES / 1e9:g} GB would be held in memory",
            stacklevel=3,
        )
        return self

    def batches(self, chosen: Iterable[Sequence[int] | Tensor]) -> Iterator[tuple[Tensor, Tensor]]:
        """A batch is read while the caller is busy with the one before."""
        with ThreadPoolExecutor(1) as reader:
            waiting = None
            for indices in chosen:
                following = reader.submit(self.batch, indices)
                if waiting is not None:
                    yield waiting.result()
                waiting = following
            if waiting is not None:
                yield waiting.result()

    def _read(self, indices: list[int]) -> Tensor:
        if self._bytes(len(indices)) > HELD_BYTES:
            raise ValueError(
                f"{self.name}.batch, indices: expected pictures of at most {HELD_BYTES / 1e9:g} GB "
                f"at once; got {len(indices):,} of {self._gigabytes(len(indices))}; take fewer, as "
                "dataset.sample(n) does"
            )
        images = torch.empty(len(indices), *self._shape, dtype=torch.uint8)

        def read(place: int) -> None:
            images[place] = read_pixels(self.files[indices[place]], self._shape, self._fit)

        _for_each(range(len(indices)), read)
        return images

    def _part(self, indices: list[int], labels: Tensor, classes: Sequence[str]) -> ImageDataset:
        part = PictureFiles(
            [self.files[index] for index in indices],
            self._shape, self._fit, labels, classes, name=self.name, split=self.split,
        )  # fmt: skip
        return part if self._bytes(len(part)) > HELD_BYTES else part._held()

    def _held(self) -> ImageDataset:
        images = self._read(list(range(len(self))))
        return ImageDataset(images, self.labels, self.classes, name=self.name, split=self.split)

    def _bytes(self, pictures: int) -> int:
        channels, height, width = self._shape
        return pictures * channels * height * width

    def _gigabytes(self, pictures: int) -> str:
        return f"{self._bytes(pictures) / 1e9:.1f} GB"


def _for_each(items: Sequence[T], work: Callable[[T], object]) -> None:
    """Do `work` for every item, several at once; one ValueError for all that were refused."""
    refusals: list[str] = []

    def attempt(item: T) -> str | None:
        try:
            work(item)
        except ValueError as error:
            return str(error)

    with ThreadPoolExecutor(_THREADS) as pool:
        for start in range(0, len(items), _AT_ONCE):
            said = pool.map(attempt, items[start : start + _AT_ONCE])
            refusals += [each for each in said if each is not None]
    if refusals:
        others = f" (and {len(refusals) - 1:,} other files)" if len(refusals) > 1 else ""
        raise ValueError(refusals[0] + others)
