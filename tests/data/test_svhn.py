import sys

import numpy as np
import pytest
import torch

from torchcaps.data import load_dataset


def test_pixels_come_first_and_ten_is_zero(small_svhn):
    from scipy.io import loadmat

    written = loadmat(small_svhn / "svhn" / "test_32x32.mat")
    dataset = load_dataset("svhn", "test", small_svhn)
    assert dataset.in_shape == (3, 32, 32)
    for k in (0, 9, 13):
        image = torch.from_numpy(written["X"][:, :, :, k].transpose(2, 0, 1).copy())
        assert torch.equal(dataset.images[k], image)
    assert dataset.labels[:10].tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9, 0]


def test_extra_images_are_for_training_alone(small_svhn):
    sizes = {
        (split, extra): len(load_dataset("svhn", split, small_svhn, extra=extra))
        for split in ("train", "validation", "test", "train+validation")
        for extra in (False, True)
    }
    assert [sizes[split, False] for split in ("train", "validation", "test")] == [90, 10, 20]
    assert [sizes[split, True] for split in ("train", "validation", "test")] == [120, 10, 20]
    assert sizes["train+validation", True] == 130


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"X": np.zeros((32, 32, 3, 4), np.uint8)}, r", y: expected number of shape \[4, 1\]; got"),
        ({"y": np.ones((4, 1))}, r", X: expected uint8 of shape \[32, 32, 3, None\]; got NoneType"),
        ({"X": np.zeros((4, 3, 32, 32), np.uint8)}, r", X: .* got uint8 of shape \[4, 3, 32, 32\]"),
        ({"X": np.zeros((32, 32, 3, 4))}, r", X: expected uint8 of .*; got float64 of"),
        (
            {"X": np.zeros((32, 32, 3, 2), np.uint8), "y": np.array([[0], [1]])},
            ", y: expected labels from 1 to 10, which is 0; got 0 to 1",
        ),
    ],
)
def test_other_variables_are_refused(small_svhn, variables, message):
    from scipy.io import savemat

    savemat(small_svhn / "svhn" / "test_32x32.mat", variables)
    with pytest.raises(ValueError, match=r"svhn, .*test_32x32.mat" + message):
        load_dataset("svhn", "test", small_svhn)


def test_a_damaged_file_is_refused(small_svhn):
    (small_svhn / "svhn" / "test_32x32.mat").write_bytes(b"MATLAB 5.0" * 30)
    with pytest.raises(ValueError, match=r"test_32x32.mat: expected a .mat file of version 5; got"):
        load_dataset("svhn", "test", small_svhn)


def test_without_scipy_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.io", None)
    (tmp_path / "svhn").mkdir()
    (tmp_path / "svhn" / "test_32x32.mat").touch()
    with pytest.raises(ValueError, match=r"expected scipy, .*pip install 'torchcaps\[mat\]'"):
        load_dataset("svhn", "test", tmp_path)
