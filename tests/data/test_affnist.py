import shutil
from zipfile import ZipFile

import numpy as np
import pytest
import torch

from torchcaps.data import load_dataset


def test_an_image_is_a_column_row_by_row(small_affnist):
    from scipy.io import loadmat

    path = small_affnist / "affnist" / "test_batches" / "2.mat"
    written = loadmat(path, struct_as_record=False)["affNISTdata"][0, 0]
    dataset = load_dataset("affnist", "test", small_affnist, batches=3)
    assert (len(dataset), dataset.in_shape) == (33, (1, 40, 40))
    image = torch.from_numpy(written.image[:, 4].copy()).view(40, 40)  # number 15 of all
    assert torch.equal(dataset.images[15, 0], image)
    assert dataset.labels[15] == 4


def test_the_archives_are_read_as_they_are(small_affnist):
    folder = small_affnist / "affnist"
    unpacked = load_dataset("affnist", "validation", small_affnist)
    assert len(unpacked) == 320
    shutil.make_archive(str(folder / "validation_batches"), "zip", folder, "validation_batches")
    shutil.rmtree(folder / "validation_batches")
    packed = load_dataset("affnist", "validation", small_affnist)
    assert torch.equal(packed.images, unpacked.images)
    assert torch.equal(packed.labels, unpacked.labels)


def test_what_cannot_be_read_is_named(small_affnist):
    from scipy.io import savemat

    folder = small_affnist / "affnist" / "test_batches"
    savemat(folder / "3.mat", {"affNISTdata": {"image": np.zeros((1600, 2), np.uint8)}})
    with pytest.raises(ValueError, match=r"3.mat, label_int: expected number of shape \[1, 2\]"):
        load_dataset("affnist", "test", small_affnist)
    savemat(folder / "3.mat", {"other": 1})
    with pytest.raises(ValueError, match=r"3.mat, image: expected uint8 of shape \[1600, None\]"):
        load_dataset("affnist", "test", small_affnist)
    (folder / "3.mat").unlink()
    with pytest.raises(FileNotFoundError, match=r"affnist, file 3.mat: .*or ask for fewer batches"):
        load_dataset("affnist", "test", small_affnist)
    assert len(load_dataset("affnist", "test", small_affnist, batches=2)) == 22
    shutil.rmtree(folder)
    with ZipFile(folder.with_suffix(".zip"), "w") as packed:
        packed.writestr("test_batches/2.mat", b"")
    with pytest.raises(ValueError, match=r"test_batches.zip: expected a .zip with one 1.mat; got"):
        load_dataset("affnist", "test", small_affnist)


def test_batches_that_are_not_there(tmp_path):
    with pytest.raises(ValueError, match="batches: expected 1 to 32; got 33"):
        load_dataset("affnist", "test", tmp_path, batches=33)
