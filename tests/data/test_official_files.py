"""Files that are missing are fetched by their official names, and must have the sha256 we know."""

import pooch
import pytest

from torchcaps.data import load_dataset

FIRST = {  # file, address and beginning of the sha256
    "affnist": (
        "test_batches.zip", "http://www.cs.toronto.edu/~tijmen/affNIST/32x/transformed/", "83f829c0"
    ),
    "cifar10": ("cifar-10-binary.tar.gz", "https://www.cs.toronto.edu/~kriz/", "c4a38c50"),
    "smallnorb": (
        "smallnorb-5x01235x9x18x6x2x96x96-testing-dat.mat.gz",
        "https://cs.nyu.edu/~ylclab/data/norb-v1.0-small/", "cf7104ee",
    ),
    "svhn": ("test_32x32.mat", "http://ufldl.stanford.edu/housenumbers/", "cdce80df"),
}  # fmt: skip


@pytest.mark.parametrize("name", FIRST)
def test_a_missing_file_is_asked_for_and_named(name, tmp_path, monkeypatch):
    file, address, digest = FIRST[name]

    def fail(url, known_hash, fname, path):
        assert url == address + file
        assert known_hash.startswith(f"sha256:{digest}")
        assert len(known_hash) == len("sha256:") + 64
        assert (fname, path) == (file, tmp_path / name)
        raise ConnectionError("no route")

    monkeypatch.setattr(pooch, "retrieve", fail)
    with pytest.raises(FileNotFoundError, match=rf"{name}, file {file}: expected it in .*no route"):
        load_dataset(name, "test", tmp_path)
