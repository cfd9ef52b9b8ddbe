"""CIFAR-10: 50,000 training and 10,000 test pictures of 32 x 32, ten classes."""

from __future__ import annotations

import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from torchcaps.quoting import cut, listed

from .dataset import ImageDataset
from .fetch import data_root, find, locate
from .registry import Root
from .splits import hold_out

CLASSES = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip
_URL = "https://www.cs.toronto.edu/~kriz/"
_ARCHIVE = "cifar-10-binary.tar.gz"
_SHA256 = "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"
_FOLDER, _PICKLES = "cifar-10-batches-bin", "cifar-10-batches-py"
_FILES = {"train": [f"data_batch_{k}.bin" for k in range(1, 6)], "test": ["test_batch.bin"]}
_RECORD = 1 + 3 * 32 * 32  # a label, then red, green and blue, row by row
_MOST = 10_000  # records of a file
_SPLIT_SEED, _IMAGES_PER_HELD = 2009, 10


def cifar10(split: str, root: Root) -> ImageDataset:
    """Colour pictures of ten kinds (Krizhevsky 2009); files in `root`/cifar10/.

    Read is the binary version: cifar-10-binary.tar.gz, or the folder cifar-10-batches-bin that it
    holds. One training picture in ten is for validation.
    """
    files = _FILES["test" if split == "test" else "train"]
    parts = [_records(*each) for each in _contents(data_root(root) / "cifar10", files)]
    images, labels = (torch.cat(column) for column in zip(*parts, strict=True))
    dataset = ImageDataset(images, labels, CLASSES, name="cifar10", split=split)
    if split in ("test", "train+validation"):
        return dataset
    held = len(dataset) // _IMAGES_PER_HELD
    return dataset.subset(hold_out(len(dataset), held, _SPLIT_SEED)[split])


def _contents(folder: Path, files: list[str]) -> Iterator[tuple[Path, bytes]]:
    """Path and bytes of each file, from the folder or from the archive, which may be downloaded."""
    unpacked = folder / _FOLDER
    if unpacked.is_dir():
        for name in files:
            if not (unpacked / name).is_file():
                raise FileNotFoundError(
                    f"cifar10, file {name}: expected it in {unpacked}; got none; unpack {_ARCHIVE} "
                    "again"
                )
            with open(unpacked / name, "rb") as file:
                yield unpacked / name, file.read(_MOST * _RECORD + 1)
        return
    if (folder / _PICKLES).is_dir() and not find(folder, _ARCHIVE):
        raise ValueError(
            f"cifar10, {folder / _PICKLES}: expected the binary version; got the Python version, "
            "whose pickles could run any program when they are read; put "
            f"{_URL}{_ARCHIVE} beside it"
        )
    archive = locate(folder, _ARCHIVE, _URL, _SHA256)
    try:
        with tarfile.open(archive) as tar:
            for name in files:
                file = tar.extractfile(f"{_FOLDER}/{name}")
                yield archive / name, file.read(_MOST * _RECORD + 1) if file else b""
    except (tarfile.TarError, KeyError, EOFError, OSError, zlib.error) as cause:
        raise ValueError(
            f"cifar10, {archive}: expected an archive that holds {_FOLDER}/ with {listed(files)}; "
            f"got one that cannot be read ({cut(cause)}); delete it and fetch or copy it again"
        ) from cause


def _records(path: Path, data: bytes) -> tuple[Tensor, Tensor]:
    """Images [N,3,32,32] and labels [N] of a file."""
    if not data or len(data) % _RECORD:
        got = f"{len(data):,}" + (" or more" if len(data) > _MOST * _RECORD else "")
        raise ValueError(
            f"cifar10, {path}: expected records of {_RECORD:,} bytes, {_MOST:,} or fewer of them; "
            f"got {got} bytes; fetch or copy the file again"
        )
    records = torch.frombuffer(bytearray(data), dtype=torch.uint8).view(-1, _RECORD)
    return records[:, 1:].reshape(-1, 3, 32, 32), records[:, 0]
