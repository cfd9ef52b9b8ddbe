import shutil
import tarfile

import numpy as np
import pytest
import torch

from torchcaps.data import load_dataset


def test_bytes_are_a_label_then_three_planes(small_cifar):
    folder = small_cifar / "cifar10" / "cifar-10-batches-bin"
    first = np.frombuffer((folder / "test_batch.bin").read_bytes(), np.uint8)[:3073]
    image, label = load_dataset("cifar10", "test", small_cifar)[0]
    assert label == first[0]
    assert torch.equal((image * 255).round().byte().flatten(), torch.from_numpy(first[1:].copy()))
    dataset = load_dataset("cifar10", "train+validation", small_cifar)
    assert (len(dataset), dataset.in_shape, dataset.classes[6]) == (100, (3, 32, 32), "frog")
    assert len(load_dataset("cifar10", "validation", small_cifar)) == 10


def test_the_archive_is_read_as_it_is(small_cifar):
    folder = small_cifar / "cifar10"
    unpacked = load_dataset("cifar10", "train", small_cifar)
    with tarfile.open(folder / "cifar-10-binary.tar.gz", "w:gz") as tar:
        tar.add(folder / "cifar-10-batches-bin", "cifar-10-batches-bin")
    shutil.rmtree(folder / "cifar-10-batches-bin")
    packed = load_dataset("cifar10", "train", small_cifar)
    assert torch.equal(packed.images, unpacked.images)
    assert torch.equal(packed.labels, unpacked.labels)


def test_pickles_are_not_read(tmp_path):
    (tmp_path / "cifar10" / "cifar-10-batches-py").mkdir(parents=True)
    with pytest.raises(ValueError, match=r"expected the binary version; got .*pickles .*put http"):
        load_dataset("cifar10", "test", tmp_path)


def test_damaged_files_are_refused(small_cifar):
    folder = small_cifar / "cifar10"
    file = folder / "cifar-10-batches-bin" / "test_batch.bin"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(ValueError, match=r"test_batch.bin: expected records of 3,073 bytes.*got"):
        load_dataset("cifar10", "test", small_cifar)
    file.unlink()
    with pytest.raises(FileNotFoundError, match=r"cifar10, file test_batch.bin: .*unpack"):
        load_dataset("cifar10", "test", small_cifar)
    shutil.rmtree(folder / "cifar-10-batches-bin")
    for content in (b"no archive", b"\x1f\x8b damaged"):
        (folder / "cifar-10-binary.tar.gz").write_bytes(content)
        with pytest.raises(ValueError, match=r"expected an archive that holds .*test_batch.bin"):
            load_dataset("cifar10", "test", small_cifar)


def test_a_label_above_nine_is_refused(small_cifar):
    file = small_cifar / "cifar10" / "cifar-10-batches-bin" / "test_batch.bin"
    data = bytearray(file.read_bytes())
    data[0] = 10
    file.write_bytes(data)
    with pytest.raises(ValueError, match="0 to 9 for 10 classes; got 0 to 10"):
        load_dataset("cifar10", "test", small_cifar)
