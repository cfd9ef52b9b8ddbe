"""Small dataset files of every kind, written for one test."""

import gzip
import os
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image


def idx_bytes(values):
    return (
        bytes([0, 0, 8, values.ndim])
        + struct.pack(f">{values.ndim}I", *values.shape)
        + values.astype(np.uint8).tobytes()
    )


@pytest.fixture
def write_idx():
    """Write an array as an IDX file, gzipped where the name says so."""

    def write(path, values):
        path.parent.mkdir(parents=True, exist_ok=True)
        data = idx_bytes(np.asarray(values))
        path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
        return path

    return write


@pytest.fixture
def small_fashion(tmp_path, write_idx):
    """A data root with 120 training and 20 test images; each is filled with its own number."""
    folder = tmp_path / "fashion_mnist"
    for part, count in (("train", 120), ("t10k", 20)):
        images = np.arange(count)[:, None, None] * np.ones((1, 28, 28))
        write_idx(folder / f"{part}-images-idx3-ubyte.gz", images)
        write_idx(folder / f"{part}-labels-idx1-ubyte.gz", np.arange(count) % 10)
    return tmp_path


@pytest.fixture
def small_mnist(tmp_path, write_idx):
    """A data root with 420 training and 70 test images of the size of MNIST, all different."""
    random = np.random.default_rng(0)
    for part, count in (("train", 420), ("t10k", 70)):
        images = np.pad(random.integers(0, 256, (count, 20, 20)), ((0, 0), (4, 4), (4, 4)))
        write_idx(tmp_path / "mnist" / f"{part}-images-idx3-ubyte.gz", images)
        write_idx(tmp_path / "mnist" / f"{part}-labels-idx1-ubyte.gz", np.arange(count) % 10)
    return tmp_path


@pytest.fixture
def write_pictures():
    """Write PNGs of one grey level each: write_pictures(folder, [10, 20]) -> 000.png, 001.png."""

    def write(folder, levels, size=(6, 4)):
        folder.mkdir(parents=True, exist_ok=True)
        for index, level in enumerate(levels):
            Image.new("L", size, level).save(folder / f"{index:03}.png")

    return write


@pytest.fixture
def picture_folder(tmp_path, write_pictures):
    """Two classes, 20 and 10 pictures, every one of its own grey level."""
    write_pictures(tmp_path / "dark", range(20))
    write_pictures(tmp_path / "light", range(200, 210))
    return tmp_path


@pytest.fixture
def signals_file(tmp_path):
    """A .npz of 20 training and 8 test signals [2, 9] of two classes, some of them shorter."""
    random = np.random.default_rng(0)
    arrays: dict[str, Any] = {"classes": np.array(["low", "high"])}
    for part, count in (("train", 20), ("test", 8)):
        arrays[f"{part}_x"] = random.normal(size=(count, 2, 9)).astype(np.float32)
        arrays[f"{part}_y"] = np.arange(count) % 2
        arrays[f"{part}_lengths"] = np.array([9, *random.integers(4, 9, count - 1)])
    np.savez(tmp_path / "signals.npz", **arrays)
    return tmp_path / "signals.npz"


@pytest.fixture
def mnist_root():
    beside = Path(__file__).parents[2].parent / "shared" / "data"
    root = Path(os.environ.get("TORCHCAPS_DATA", beside))
    if not (root / "mnist").is_dir():
        pytest.skip(f"no MNIST files in {root / 'mnist'}; set TORCHCAPS_DATA")
    return root
