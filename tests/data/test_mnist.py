import hashlib
from pathlib import Path

import numpy as np
import pooch
import pytest

from torchcaps.data import load_dataset
from torchcaps.data.fetch import data_root
from torchcaps.data.idx import read_idx
from torchcaps.data.mnist import mnist_on_disk

MD5 = {  # of the uncompressed files, as published
    "t10k-images-idx3-ubyte.gz": (3, "2646ac647ad5339dbf082846283269ea"),
    "t10k-labels-idx1-ubyte.gz": (1, "27ae3e4e09519cfbb04c329615203637"),
    "train-images-idx3-ubyte.gz": (3, "6bbc9ace898e44ae57da46a324031adb"),
    "train-labels-idx1-ubyte.gz": (1, "a25bea736e30d166cdddb491f175f624"),
}


@pytest.mark.parametrize("file", MD5)
def test_the_files_at_hand_are_mnist(mnist_root, file):
    axes, expected = MD5[file]
    values = read_idx(mnist_root / "mnist" / file, axes).numpy()
    header = bytes([0, 0, 8, axes]) + np.array(values.shape, ">u4").tobytes()
    assert hashlib.md5(header + values.tobytes()).hexdigest() == expected


def test_mnist_has_its_published_sizes_and_first_labels(mnist_root):
    sizes = {
        split: len(load_dataset("mnist", split, mnist_root))
        for split in ("train", "validation", "test", "train+validation")
    }
    assert sizes == {
        "train": 55_000,
        "validation": 5_000,
        "test": 10_000,
        "train+validation": 60_000,
    }
    assert load_dataset("mnist", "test", mnist_root).labels[:5].tolist() == [7, 2, 1, 0, 4]
    whole = load_dataset("mnist", "train+validation", mnist_root)
    assert whole.labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert whole.in_shape == (1, 28, 28)


def test_one_in_twelve_is_held_for_validation(small_fashion):
    held = load_dataset("fashion_mnist", "validation", small_fashion).images[:, 0, 0, 0].tolist()
    assert held == [12, 29, 34, 37, 45, 46, 95, 107, 110, 113]
    test = load_dataset("fashion_mnist", "test", small_fashion)
    assert test.images[:, 0, 0, 0].tolist() == list(range(20))


def test_fashion_labels_have_names(small_fashion):
    dataset = load_dataset("fashion_mnist", "test", small_fashion)
    assert (dataset.classes[0], dataset.classes[9]) == ("T-shirt/top", "Ankle boot")


def test_plain_files_are_read_too(small_fashion, write_idx):
    folder = small_fashion / "fashion_mnist"
    for file in sorted(folder.iterdir()):
        write_idx(file.with_suffix(""), read_idx(file, 3 if "images" in file.name else 1))
        file.unlink()
    assert len(load_dataset("fashion_mnist", "train", small_fashion)) == 110


def test_as_many_labels_as_images(small_fashion, write_idx):
    write_idx(small_fashion / "fashion_mnist" / "t10k-labels-idx1-ubyte.gz", np.arange(9))
    message = r"fashion_mnist, .*t10k-images.*t10k-labels.*got 9 labels and images \[20, 28, 28\]"
    with pytest.raises(ValueError, match=message):
        load_dataset("fashion_mnist", "test", small_fashion)


def test_images_of_28_by_28(small_fashion, write_idx):
    write_idx(small_fashion / "fashion_mnist" / "t10k-images-idx3-ubyte.gz", np.zeros((20, 27, 28)))
    with pytest.raises(ValueError, match=r"images of 28 x 28; got .* \[20, 27, 28\]; delete both"):
        load_dataset("fashion_mnist", "test", small_fashion)


@pytest.mark.parametrize("failure", [ConnectionError("no route"), ValueError("SHA256 hash")])
def test_without_network_it_says_where_to_put_what(tmp_path, monkeypatch, failure):
    def fail(url, known_hash, **_):
        assert url == "https://ossci-datasets.s3.amazonaws.com/mnist/t10k-images-idx3-ubyte.gz"
        assert known_hash.startswith("sha256:8d422c7b")
        raise failure

    monkeypatch.setattr(pooch, "retrieve", fail)
    message = (
        rf"mnist, file t10k-images-idx3-ubyte\.gz: expected it in .*mnist .*"
        rf"{type(failure).__name__}: {failure}.*TORCHCAPS_DATA to the folder that holds mnist/"
    )
    with pytest.raises(FileNotFoundError, match=message):
        load_dataset("mnist", "test", tmp_path)


def test_a_missing_file_is_fetched_and_checked(small_fashion, monkeypatch):
    """The whole way through pooch, with the bytes of a file on disk in place of the network."""
    wanted = small_fashion / "fashion_mnist" / "t10k-images-idx3-ubyte.gz"
    data = wanted.read_bytes()
    wanted.unlink()
    monkeypatch.setattr(
        pooch.HTTPDownloader, "__call__", lambda self, url, path, _: Path(path).write_bytes(data)
    )
    with pytest.raises(FileNotFoundError, match=r"hash of downloaded file .* does not match"):
        load_dataset("fashion_mnist", "test", small_fashion)
    digest = hashlib.sha256(data).hexdigest()
    monkeypatch.setattr(
        "torchcaps.data.mnist._FASHION_SHA256", {"test": (digest, "unused: it is there")}
    )
    assert len(load_dataset("fashion_mnist", "test", small_fashion)) == 20
    assert wanted.read_bytes() == data


def test_the_root_is_the_argument_then_the_environment_then_the_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCHCAPS_DATA", str(tmp_path / "set"))
    assert data_root(tmp_path) == tmp_path
    assert data_root() == tmp_path / "set"
    monkeypatch.delenv("TORCHCAPS_DATA")
    assert data_root() == pooch.os_cache("torchcaps")


def test_whether_the_files_are_on_disk_is_asked_without_a_download(tmp_path, monkeypatch):
    monkeypatch.setattr(pooch, "retrieve", lambda *_, **__: pytest.fail("a download was started"))
    (tmp_path / "mnist").mkdir()
    (tmp_path / "mnist" / "t10k-images-idx3-ubyte").touch()
    assert not mnist_on_disk("test", tmp_path)
    (tmp_path / "mnist" / "t10k-labels-idx1-ubyte.gz").touch()
    assert mnist_on_disk("test", tmp_path)
    assert not mnist_on_disk("train", tmp_path)
