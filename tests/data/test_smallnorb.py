import gzip
import struct

import numpy as np
import pytest
import torch

from torchcaps.data import load_dataset
from torchcaps.data.smallnorb_file import read_matrix


def test_stereo_and_mono(small_norb):
    both = load_dataset("smallnorb", "test", small_norb)
    one = load_dataset("smallnorb", "test", small_norb, cameras="mono")
    assert (both.in_shape, one.in_shape) == ((2, 48, 48), (1, 48, 48))
    assert torch.equal(both.images[:, :1], one.images)
    assert not torch.equal(both.images[:, 1:], one.images)


def test_images_are_reduced_by_means_over_areas(small_norb):
    whole = load_dataset("smallnorb", "test", small_norb, size=96)
    half = load_dataset("smallnorb", "test", small_norb)
    means = whole.images.float().unflatten(-1, (48, 2)).unflatten(-3, (48, 2)).mean((-1, -3))
    assert torch.equal(half.images, means.round().byte())
    assert torch.equal(half.labels, whole.labels)


@pytest.mark.parametrize("side", [32, 31])
def test_the_middle_is_cut_out_for_the_test_and_any_place_for_training(small_norb, side):
    free = 48 - side
    whole = load_dataset("smallnorb", "test", small_norb).images
    cut = load_dataset("smallnorb", "test", small_norb, crop=side).images
    start = (free + 1) // 2
    assert torch.equal(cut, whole[..., start : start + side, start : start + side])
    whole = load_dataset("smallnorb", "train", small_norb).images
    cut = load_dataset("smallnorb", "train", small_norb, crop=side).images
    corners = []
    for small, large in zip(cut, whole, strict=True):
        windows = large.unfold(1, side, 1).unfold(2, side, 1)  # [2, free + 1, free + 1, side, side]
        (corner,) = (windows == small[:, None, None]).all(-1).all(-1).all(0).nonzero()
        corners.append(corner)
    assert torch.stack(corners).amin(0).tolist() == [0, 0]
    assert torch.stack(corners).amax(0).tolist() == [free, free]


@pytest.mark.parametrize(
    ("viewpoints", "column", "familiar"),
    [("azimuth", 2, {300, 320, 340, 0, 20, 40}), ("elevation", 1, {0, 1, 2})],
)
def test_validation_is_from_the_viewpoints_of_training(small_norb, viewpoints, column, familiar):
    """The first pixel of an image of the fixture is its elevation, its last the azimuth / 10."""

    def seen(split, **others):
        options = {"viewpoints": viewpoints, "size": 96, **others}
        images = load_dataset("smallnorb", split, small_norb, **options).images
        corner = images[:, 0, 0, 0] if column == 1 else 10 * images[:, 0, 95, 95].int()
        return set(corner.tolist()), len(images)

    everything = set(range(9)) if column == 1 else set(range(0, 360, 20))
    for split in ("train", "validation", "train+validation"):
        assert seen(split)[0] <= familiar
    assert seen("train+validation")[0] == familiar
    assert seen("test")[0] == everything - familiar
    assert seen("test", tested="familiar")[0] == familiar
    whole = len(load_dataset("smallnorb", "test", small_norb))
    assert seen("test")[1] + seen("test", tested="familiar")[1] == whole


def test_real_images_come_out_as_they_went_in(mnist_root, tmp_path, write_norb):
    path = mnist_root / "parity" / "10_smallnorb_real_12.npz"
    if not path.is_file():
        pytest.skip(f"no {path}")
    real = np.load(path)
    test = real["is_test"] == 1
    images = real["images"].transpose(0, 3, 1, 2)
    write_norb(tmp_path, "test", images[test], real["labels"][test], real["meta"][test])
    dataset = load_dataset("smallnorb", "test", tmp_path, size=96)
    assert torch.equal(dataset.images, torch.from_numpy(images[test]))
    assert dataset.labels.tolist() == real["labels"][test].tolist()
    novel = load_dataset("smallnorb", "test", tmp_path, viewpoints="azimuth", tested="familiar")
    assert len(novel) == int(np.isin(real["meta"][test][:, 2], (30, 32, 34, 0, 2, 4)).sum())


HEADS = {  # what stands in place of the header and values of 3 integers
    b"": "beginning with 544c3d1e; got nothing",
    struct.pack("<5i", 0x1E3D4C55, 1, 3, 1, 1): "beginning with 544c3d1e; got 554c3d1e",
    struct.pack("<5i", 0x1E3D4C54, 2, 3, 1, 1): "1 axes, at most .*; got 2 axes, sizes .3.",
    struct.pack("<5i", 0x1E3D4C54, 1, -3, 1, 1): "got 1 axes, sizes .-3.",
    struct.pack("<5i", 0x1E3D4C54, 1, 3, 1, 1) + bytes(11): "3 rows of .*; got fewer",
    struct.pack("<5i", 0x1E3D4C54, 1, 2**30, 1, 1)
    + bytes(12): "at most 24,300 rows .* got 1 axes.*",
    struct.pack("<5i", 0x1E3D4C54, 1, 3, 1, 1) + bytes(13): "3 rows of .*; got more bytes",
}


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_damaged_files_are_refused(tmp_path, head, pack):
    path = tmp_path / "cat.mat"
    path.write_bytes(pack(head))
    with pytest.raises(
        ValueError, match=rf"smallnorb, .*cat.mat: expected .*{HEADS[head]}; delete"
    ):
        read_matrix(path, "<i4", ())


def test_half_a_gzip_file(tmp_path):
    path = tmp_path / "cat.mat.gz"
    whole = gzip.compress(struct.pack("<5i", 0x1E3D4C54, 1, 3, 1, 1) + bytes(12))
    path.write_bytes(whole[:-6])
    with pytest.raises(ValueError, match="expected a whole gzip file; got a damaged one"):
        read_matrix(path, "<i4", ())


def test_files_must_agree(small_norb, write_norb):
    images = np.zeros((4, 2, 96, 96))
    write_norb(small_norb, "test", images, np.zeros(3), np.zeros((3, 4)))
    with pytest.raises(ValueError, match=r"testing-dat.mat.*expected 3 images.*another number"):
        load_dataset("smallnorb", "test", small_norb)
    write_norb(small_norb, "test", images, np.zeros(4), np.zeros((3, 4)))
    with pytest.raises(ValueError, match="expected as many rows; got 4 and 3"):
        load_dataset("smallnorb", "test", small_norb)


@pytest.mark.parametrize("options", [{"size": 97}, {"size": 0}, {"crop": 49}, {"crop": 0}])
def test_sizes_that_are_not_there(small_norb, options):
    (name,) = options
    with pytest.raises(ValueError, match=f"'smallnorb', {name}: expected 1 to .* pixels; got"):
        load_dataset("smallnorb", "test", small_norb, **options)
