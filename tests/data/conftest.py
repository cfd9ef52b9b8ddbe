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
def write_norb():
    """Write images [N,2,96,96], labels and info [N,4] as the three files of a part of smallNORB."""
    names = {
        "train": "smallnorb-5x46789x9x18x6x2x96x96-training",
        "test": "smallnorb-5x01235x9x18x6x2x96x96-testing",
    }

    def matrix(path, values, magic, dtype):
        values = np.asarray(values)
        sizes = (*values.shape, 1, 1)[: max(3, values.ndim)]
        head = struct.pack(f"<{2 + len(sizes)}i", magic, values.ndim, *sizes)
        path.write_bytes(head + values.astype(dtype).tobytes())

    def write(root, part, images, labels, info):
        folder = root / "smallnorb"
        folder.mkdir(exist_ok=True)
        matrix(folder / f"{names[part]}-dat.mat", images, 0x1E3D4C55, "<u1")
        matrix(folder / f"{names[part]}-cat.mat", labels, 0x1E3D4C54, "<i4")
        matrix(folder / f"{names[part]}-info.mat", info, 0x1E3D4C54, "<i4")

    return write


@pytest.fixture
def small_norb(tmp_path, write_norb):
    """A data root with one image from each of 162 viewpoints in each part of smallNORB, whose first
    pixel is the elevation and whose last the azimuth / 10."""
    random = np.random.default_rng(0)
    info = np.array([(k % 5, k % 9, k % 18 * 2, k % 6) for k in range(162)])
    info[:, 1] = np.arange(162) // 18
    for part in ("train", "test"):
        images = random.integers(0, 256, (162, 2, 96, 96))
        images[:, :, 0, 0], images[:, :, -1, -1] = info[:, 1, None], info[:, 2, None]
        write_norb(tmp_path, part, images, np.arange(162) % 5, info)
    return tmp_path


@pytest.fixture
def small_cifar(tmp_path):
    """A data root with five files of 20 training pictures and one of 20 test pictures."""
    random = np.random.default_rng(0)
    folder = tmp_path / "cifar10" / "cifar-10-batches-bin"
    folder.mkdir(parents=True)
    for name in (*(f"data_batch_{k}" for k in range(1, 6)), "test_batch"):
        records = random.integers(0, 256, (20, 3073), dtype=np.uint8)
        records[:, 0] = np.arange(20) % 10
        (folder / f"{name}.bin").write_bytes(records.tobytes())
    return tmp_path


@pytest.fixture
def small_svhn(tmp_path):
    """A data root with 100 training, 30 extra and 20 test images of SVHN's files."""
    savemat = pytest.importorskip("scipy.io").savemat
    random = np.random.default_rng(0)
    (tmp_path / "svhn").mkdir()
    for part, count in (("train", 100), ("extra", 30), ("test", 20)):
        pixels = random.integers(0, 256, (32, 32, 3, count), dtype=np.uint8)
        labels = np.arange(count, dtype=np.uint8)[:, None] % 10 + 1
        savemat(tmp_path / "svhn" / f"{part}_32x32.mat", {"X": pixels, "y": labels})
    return tmp_path


@pytest.fixture
def small_affnist(tmp_path):
    """A data root with 32 batches of 12, 10 and 11 images in the folders of affNIST."""
    savemat = pytest.importorskip("scipy.io").savemat
    random = np.random.default_rng(0)
    for part, count in (("training", 12), ("validation", 10), ("test", 11)):
        folder = tmp_path / "affnist" / f"{part}_batches"
        folder.mkdir(parents=True)
        for k in range(1, 33):
            pixels = random.integers(0, 256, (1600, count), dtype=np.uint8)
            labels = np.arange(count, dtype=np.uint8)[None] % 10
            data = {"image": pixels, "label_int": labels}
            savemat(folder / f"{k}.mat", {"affNISTdata": data}, do_compression=True)
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
