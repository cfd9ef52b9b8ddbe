"""Pairs of images and masks, in folders and in one file."""

import numpy as np
import pytest
import torch
from PIL import Image

import torchcaps as tc
from torchcaps.data import SegmentationDataset
from torchcaps.data.masks import resized_mask

COUNT = 20


def numbers(k, size=(10, 14)):
    """A mask whose columns are 0, 1 and 2, and a corner that tells which it is."""
    mask = np.zeros(size, dtype=np.uint8)
    mask[:, 5:9], mask[:, 9:] = 1, 2
    mask[0, : 1 + k % 5] = 2
    return mask


def write(folder, count=COUNT, mode="L", change=lambda mask: mask, suffix=".png", first=0):
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    for k in range(first, first + count):
        mask = numbers(k)
        Image.fromarray(mask * 100 + k).save(folder / "images" / f"{k:02}.png")
        picture = Image.fromarray(change(mask))
        if mode == "P":
            picture = Image.fromarray(mask, "P")
            picture.putpalette(bytes(255 - n // 3 for n in range(768)))
        picture.save(folder / "masks" / f"{k:02}{suffix}")
    return folder


def load(root, split="train+validation", **options):
    options = {"size": (10, 14), "channels": 1, **options}
    data = tc.load_dataset("folder", split, root, **options)
    assert isinstance(data, SegmentationDataset)
    return data


def every(root):
    return [load(root, split) for split in ("train", "validation", "test")]


@pytest.mark.parametrize("mode", ["L", "P"])
def test_each_mask_is_that_of_its_image(tmp_path, mode):
    parts = every(write(tmp_path / "a", mode=mode))
    assert [len(part) for part in parts] == [14, 3, 3]
    seen = set()
    for part in parts:
        assert isinstance(part, SegmentationDataset)
        assert part.classes == ("background", "1", "2")
        for image, mask in part:
            k = round(float(image.min()) * 255)
            seen.add(k)
            assert torch.equal(mask, torch.from_numpy(numbers(k)).long())
    assert seen == set(range(COUNT))


def test_folders_of_splits_and_names_of_classes(tmp_path):
    write(tmp_path / "train", 10)
    write(tmp_path / "test", 4, first=10)
    (tmp_path / "classes.txt").write_text("nothing\nleft\n\nright\nnever\n")
    found = {split: load(tmp_path, split) for split in ("train", "validation", "test")}
    assert [len(part) for part in found.values()] == [8, 2, 4]
    assert found["test"].classes == ("nothing", "left", "right", "never")
    write(tmp_path / "val", 3, first=20)
    assert [len(load(tmp_path, s)) for s in ("train", "validation", "train+validation")] == [
        10, 3, 13,
    ]  # fmt: skip


def test_black_and_white_are_two_classes(tmp_path):
    data = load(write(tmp_path, change=lambda mask: (mask == 2).astype(np.uint8) * 255))
    assert data.classes == ("background", "1")
    assert torch.equal(data[0][1], torch.from_numpy(numbers(0) == 2).long())
    bits = tmp_path / "bits"
    data = load(write(bits, change=lambda mask: mask == 2))
    assert torch.equal(data[0][1], torch.from_numpy(numbers(0) == 2).long())


@pytest.mark.parametrize("fit", ["pad", "crop", "stretch"])
def test_image_and_mask_are_resized_alike(tmp_path, fit):
    """What is bright is class 2: but for edges, pixel by pixel."""
    write(tmp_path, 4)
    for split in ("train", "test"):
        data = load(tmp_path, split, size=(24, 20), fit=fit)
        image, mask = data[0]
        bright = (image[0] * 255).round() >= 180
        inside = slice(8, 18)  # "pad" fills the image with its border, and the mask with background
        assert (bright == (mask == 2))[inside].float().mean() > 0.9
        assert set(mask.unique().tolist()) == {0, 1, 2}
        if fit == "pad":
            assert (mask[:3] == 0).all()


@pytest.mark.parametrize("fit", ["pad", "crop", "stretch"])
def test_a_resized_mask_has_no_class_that_lies_between_two(fit):
    mask = resized_mask((numbers(3) == 2).astype(np.uint8) * 2, (23, 31), fit)
    assert mask.unique().tolist() == [0, 2]
    assert mask.shape == (23, 31)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda at: (at / "masks" / "03.png").unlink(), "got 03 without mask"),
        (lambda at: (at / "images" / "03.png").unlink(), "got 03 without image"),
        (lambda at: Image.new("RGB", (14, 10)).save(at / "masks" / "03.png"), "got mode RGB"),
        (lambda at: Image.new("I;16", (14, 10)).save(at / "masks" / "03.png"), "got mode I;16"),
        (
            lambda at: Image.new("L", (10, 14)).save(at / "masks" / "03.png"),
            "the size of its image",
        ),
        (lambda at: Image.new("L", (14, 10), 128).save(at / "masks" / "03.png"), "0 to 128"),
        (lambda at: (at / "masks" / "03.png").write_bytes(b"no"), "cannot be decoded"),
        (lambda at: Image.new("L", (14, 10)).save(at / "masks" / "03.tif"), "one picture of each"),
    ],
)
def test_pairs_that_do_not_fit_are_refused(tmp_path, spoil, words):
    spoil(write(tmp_path) and tmp_path)
    with pytest.raises(ValueError, match=words):
        every(tmp_path)


def test_a_class_that_training_does_not_know_is_refused(tmp_path):
    write(tmp_path / "train", 4, change=lambda mask: np.minimum(mask, 1))
    write(tmp_path / "test", 2)
    with pytest.raises(ValueError, match="class numbers of the training masks, 0 to 1; got 2"):
        load(tmp_path, "test")


def test_what_is_no_picture_is_left_out_and_said(tmp_path):
    write(tmp_path)
    (tmp_path / "images" / "notes.txt").write_text("x")
    (tmp_path / "images" / ".hidden.png").write_text("x")
    with pytest.warns(UserWarning, match=r"left out notes\.txt"):
        assert len(load(tmp_path)) == 17


@pytest.mark.parametrize("shape", [(10, 14), (4, 10, 14)], ids=str)
@pytest.mark.parametrize("white", [False, True])
def test_arrays_with_masks(tmp_path, shape, white):
    random = np.random.default_rng(0)
    masks = random.integers(0, 2 if white else 3, (COUNT, *shape), dtype=np.uint8)
    values = masks.astype(np.float32) / 4
    path = tmp_path / "pairs.npz"
    held = {"test_images": values[:5], "test_masks": masks[:5] * (255 if white else 1)}
    scaled = masks * 255 if white else masks
    np.savez(path, train_images=values, train_masks=scaled, **held)
    found = [
        tc.load_dataset("arrays", split, path, channels="none")
        for split in ("train", "validation", "test")
    ]
    assert [len(data) for data in found] == [17, 3, 5]
    for data in found:
        assert isinstance(data, SegmentationDataset)
        assert data.num_classes == (2 if white else 3)
        assert torch.equal((data.images[:, 0] * 4).round().long(), data.labels.long())
    assert len(tc.load_dataset("arrays", "train+validation", path, channels="none")) == COUNT


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"train_masks": np.zeros((4, 8, 8))}, "a whole number for each pixel"),
        ({"train_masks": np.zeros((4, 8, 7), np.uint8)}, "a mask of its size"),
        ({"train_masks": np.full((4, 8, 8), 128, np.uint8)}, "from 0 to 99"),
        ({"train_masks": np.full((4, 8, 8), -1)}, "from 0 to 99"),
        ({"train_masks": np.zeros((4, 8, 8), int), "train_labels": np.zeros(4, int)}, "rename"),
        ({"train_masks": np.ones((4, 8, 8), int), "classes": np.array(["a"])}, "from 0 to 0"),
    ],
)
def test_arrays_that_are_no_masks_are_refused(tmp_path, arrays, words):
    np.savez(tmp_path / "a.npz", train_images=np.zeros((4, 8, 8), np.uint8), **arrays)
    with pytest.raises(ValueError, match=words):
        tc.load_dataset("arrays", "train", tmp_path / "a.npz")
