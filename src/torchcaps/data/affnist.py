"""affNIST: MNIST digits under random affine maps, on 40 x 40 pixels."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from zipfile import BadZipFile, ZipFile

import numpy as np
import torch
from torch import Tensor

from torchcaps.quoting import cut

from .dataset import ImageDataset
from .fetch import data_root, locate
from .mat import numbers, read_mat
from .registry import Root

BATCHES = 32
_SIDE = 40
_URL = "http://www.cs.toronto.edu/~tijmen/affNIST/32x/transformed/"
_SHA256 = {
    "training_batches": "b6aa79e6d659111ff4c704c241cc86b828e468a5d6f7a1c5b888e6a3af3b3963",
    "validation_batches": "c613d7718fd93f1fb2f6a90cc18b97f6ec2b76929559374f79aa7081bdfd358c",
    "test_batches": "83f829c01c021fa731e062e7671b0075a3e8de0a511fb6b5d403458528d0e0d1",
}
_PARTS = {
    "train": ("training_batches",),
    "validation": ("validation_batches",),
    "train+validation": ("training_batches", "validation_batches"),
    "test": ("test_batches",),
}
_MOST = 200_000_000  # bytes of one batch; 50,000 images take 80 million and what describes them


def affnist(split: str, root: Root, *, batches: int = BATCHES) -> ImageDataset:
    """MNIST digits under random affine maps, 40x40 (Tieleman 2013); files in `root`/affnist/.

    1,600,000 train, 320,000 validation and 320,000 test images: 32 versions of 50,000, 10,000 and
    10,000 digits of MNIST. Read are `training_batches.zip` (2.6 GB in memory),
    `validation_batches.zip` and `test_batches.zip` (0.5 GB each), or folders of their contents.

    batches: read the files `1.mat` to `batches`.mat of the 32 of each part alone.

    For the protocol of Sabour et al. (2017) train on `affine_mnist`, whose training digits are only
    shifted, and test here: the classes have the same names. Needs scipy, the extra `mat`.
    """
    if not 1 <= batches <= BATCHES:
        raise ValueError(
            f"load_dataset 'affnist', batches: expected 1 to {BATCHES}; got {batches}; leave it "
            "out for all"
        )
    folder = data_root(root) / "affnist"
    parts = [
        _batch(file, where)
        for part in _PARTS[split]
        for file, where in _files(folder, part, [f"{k}.mat" for k in range(1, batches + 1)])
    ]
    images, labels = (torch.cat(column) for column in zip(*parts, strict=True))
    return ImageDataset(images, labels, tuple("0123456789"), name="affnist", split=split)


def _files(folder: Path, part: str, names: list[str]) -> Iterator[tuple[Path | BytesIO, str]]:
    """Each of these files of a part, and what errors call it."""
    unpacked = folder / part
    if unpacked.is_dir():
        for name in names:
            if not (unpacked / name).is_file():
                raise FileNotFoundError(
                    f"affnist, file {name}: expected it in {unpacked}; got none; unpack "
                    f"{part}.zip again, or ask for fewer batches"
                )
            yield unpacked / name, f"affnist, {unpacked / name}"
        return
    archive = locate(folder, f"{part}.zip", _URL, _SHA256[part])
    for name in names:
        yield BytesIO(_member(archive, name)), f"affnist, {archive}, {name}"


def _member(archive: Path, name: str) -> bytes:
    try:
        with ZipFile(archive) as packed:
            (found,) = (each for each in packed.infolist() if Path(each.filename).name == name)
            if found.file_size > _MOST:
                raise BadZipFile(f"{name} of {found.file_size:,} bytes")
            return packed.read(found)
    except Exception as error:  # damage makes readers raise nearly anything
        raise ValueError(
            f"affnist, {archive}: expected a .zip with one {name}; got one that cannot be read "
            f"({cut(error)}); delete it and fetch or copy it again"
        ) from None


def _batch(file: Path | BytesIO, where: str) -> tuple[Tensor, Tensor]:
    """Images [N,1,40,40] and labels [N] of a batch: its affNISTdata has the pixels of an image row
    by row in a column of `image`, and `label_int`."""
    data = read_mat(file, where).get("affNISTdata")
    data = data.flat[0] if isinstance(data, np.ndarray) and data.size else None
    images = numbers(getattr(data, "image", None), f"{where}, image", (_SIDE**2, None), np.uint8)
    count = images.shape[1]
    labels = numbers(getattr(data, "label_int", None), f"{where}, label_int", (1, count), np.number)
    pixels = np.ascontiguousarray(images.T).reshape(count, 1, _SIDE, _SIDE)
    return torch.from_numpy(pixels), torch.from_numpy(labels[0].astype(np.int64))
