"""SVHN: house numbers cut out of street photographs, 32 x 32, ten digits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from .dataset import ImageDataset
from .fetch import data_root, locate
from .mat import numbers, read_mat
from .registry import Root
from .splits import hold_out

_URL = "http://ufldl.stanford.edu/housenumbers/"
_SHA256 = {
    "train_32x32.mat": "435e94d69a87fde4fd4d7f3dd208dfc32cb6ae8af2240d066de1df7508d083b8",
    "extra_32x32.mat": "a133a4beb38a00fcdda90c9489e0c04f900b660ce8a316a5e854838379a71eb3",
    "test_32x32.mat": "cdce80dfb2a2c4c6160906d0bd7c68ec5a99d7ca4831afa54f09182025b6a75b",
}
_SPLIT_SEED, _IMAGES_PER_HELD = 2011, 10


def svhn(split: str, root: Root, *, extra: bool = False) -> ImageDataset:
    """House numbers in colour (Netzer et al. 2011), cropped digits; files in `root`/svhn/.

    73,257 training images, one in ten of which is for validation, and 26,032 test images, of the
    official files `train_32x32.mat` and `test_32x32.mat`. Label 10 of the files is the digit 0.

    extra: train on the 531,131 easier images of `extra_32x32.mat` (1.3 GB) as well.

    Needs scipy, the extra `mat`.
    """
    folder = data_root(root) / "svhn"
    if split == "test":
        return _digits(*_read(folder, "test_32x32.mat"), split)
    images, labels = _read(folder, "train_32x32.mat")
    if split != "train+validation":
        held = hold_out(len(labels), len(labels) // _IMAGES_PER_HELD, _SPLIT_SEED)[split]
        images, labels = images[held], labels[held]
    if extra and split.startswith("train"):
        more = _read(folder, "extra_32x32.mat")
        images, labels = torch.cat([images, more[0]]), torch.cat([labels, more[1]])
    return _digits(images, labels, split)


def _digits(images: Tensor, labels: Tensor, split: str) -> ImageDataset:
    return ImageDataset(images, labels, tuple("0123456789"), name="svhn", split=split)


def _read(folder: Path, file: str) -> tuple[Tensor, Tensor]:
    """Images [N,3,32,32] and labels [N] of a file, whose X is [32,32,3,N] and y [N,1] of 1..10."""
    path = locate(folder, file, _URL, _SHA256[file])
    where, found = f"svhn, {path}", read_mat(path, f"svhn, {path}")
    images = numbers(found.get("X"), f"{where}, X", (32, 32, 3, None), np.uint8)
    labels = numbers(found.get("y"), f"{where}, y", (images.shape[-1], 1), np.number)[:, 0]
    if not np.isin(labels, range(1, 11)).all():
        raise ValueError(
            f"{where}, y: expected labels from 1 to 10, which is 0; got {labels.min()} to "
            f"{labels.max()}; fetch the file again"
        )
    pixels = np.ascontiguousarray(images.transpose(3, 2, 0, 1))
    return torch.from_numpy(pixels), torch.from_numpy(labels.astype(np.int64) % 10)
