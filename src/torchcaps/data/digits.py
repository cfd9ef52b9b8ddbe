"""The embedded default: 1,797 real handwritten digits of 8 x 8 pixels, no download."""

from __future__ import annotations

import gzip
from importlib import resources

import numpy as np
import torch

from .dataset import ImageDataset
from .registry import Root
from .splits import stratified

_SPLIT_SEED = 1998


def digits(split: str, root: Root) -> ImageDataset:
    """Handwritten digits (Alpaydin and Kaynak 1998, UCI), embedded; `root` is not used.

    Of every class 36 images are for testing and 18 for validation: 1,257 train, 180 validation,
    360 test, all by the same 13 people. A pixel counts the ink of a 4 x 4 block, 0 to 16, and is
    divided by 16 here.
    """
    packed = resources.files("torchcaps.data").joinpath("digits.csv.gz").read_bytes()
    lines = gzip.decompress(packed).decode("ascii").splitlines()
    table = torch.from_numpy(np.loadtxt(lines, delimiter=",", dtype=np.int64))
    images = table[:, :64].reshape(-1, 1, 8, 8).float() / 16
    whole = ImageDataset(images, table[:, 64], tuple("0123456789"), name="digits", split=split)
    return whole.subset(stratified(whole.labels, lambda _: (18, 36), _SPLIT_SEED)[split])
