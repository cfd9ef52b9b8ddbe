"""Datasets of images and masks, and the faces with masks of their parts."""

import pytest
import torch
from torch.utils.data import DataLoader

import torchcaps as tc
from torchcaps.data import Augmentation, SegmentationDataset, match_classes
from torchcaps.data.faces import draw
from torchcaps.data.faces_ink import REGIONS, ink, regions
from torchcaps.data.faces_scene import PARTS


def dataset(*size, count=4, classes=("background", "a", "b")):
    generator = torch.Generator().manual_seed(0)
    masks = torch.randint(len(classes), (count, *size), generator=generator)
    return SegmentationDataset(masks.unsqueeze(1) / 10, masks, classes)


@pytest.mark.parametrize("size", [(5, 7), (3, 5, 7)], ids=str)
def test_images_and_masks_stay_together(size):
    data = dataset(*size)
    assert data.task == "segmentation"
    for some in (data, data.subset([2, 0]), data.first(2), data.sample(3, seed=1)):
        assert isinstance(some, SegmentationDataset)
        images, masks = some.batch(torch.arange(len(some)))
        assert masks.dtype == torch.int64
        torch.testing.assert_close(images[:, 0] * 10, masks.float())
        image, mask = some[1]
        assert torch.equal(image, images[1])
        assert torch.equal(mask, masks[1])
    for collate in (None, SegmentationDataset.collate):
        images, masks = next(iter(DataLoader(data, batch_size=3, collate_fn=collate)))
        assert masks.shape == (3, *size)
        torch.testing.assert_close(images[:, 0] * 10, masks.float())


def test_masks_are_a_byte_a_pixel_or_wider():
    assert dataset(4, 4).labels.dtype == torch.uint8
    names = [str(n) for n in range(300)]
    masks = torch.full((1, 2, 2), 299)
    wide = SegmentationDataset(torch.rand(1, 1, 2, 2), masks, names)
    assert int(wide[0][1].max()) == 299


def test_regions_are_matched_by_name():
    data = dataset(4, 4)
    turned = match_classes(data, ("b", "background", "a"), "test")
    expected = torch.tensor([1, 2, 0])[data.labels.long()]
    assert torch.equal(turned.labels.long(), expected)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda images, masks: (images, masks[:, :3]), "a mask of its size"),
        (lambda images, masks: (images, masks.float()), "integers"),
        (lambda images, masks: (images, masks + 1), "0 to 2 for 3 classes; got 1 to 3"),
        (lambda images, masks: (images[:2], masks), "a class for each pixel"),
        (lambda images, masks: (images / torch.zeros(1), masks), "finite"),
    ],
)
def test_what_is_no_mask_is_refused(change, words):
    data = dataset(4, 4)
    images, masks = change(data.images + 0.01, data.labels.long())
    with pytest.raises(ValueError, match=words):
        SegmentationDataset(images, masks, data.classes)


def test_one_class_is_not_enough():
    with pytest.raises(ValueError, match="background and at least one region"):
        SegmentationDataset(torch.rand(1, 1, 2, 2), torch.zeros(1, 2, 2).long(), ("background",))


@pytest.mark.parametrize(
    "changes",
    [
        {"shift": 3},
        {"shift": 2, "subpixel": True},
        {"flip": "both"},
        {"rotate": 40.0},
        {"crop": 0.4},
        {"noise": 0.01, "brightness": 0.01},
        {},
    ],
    ids=str,
)
def test_augmentation_moves_image_and_mask_together(changes):
    """Of large squares, whose pixels are their class, only the edges may differ."""
    masks = torch.zeros(6, 24, 24, dtype=torch.int64)
    masks[:, 3:12, 4:20], masks[:, 12:19, 8:16] = 1, 2
    images = masks.unsqueeze(1) / 4
    augment = Augmentation(**changes)
    moved, wanted = augment.with_masks(images, masks, torch.Generator().manual_seed(5))
    again = augment(images, torch.Generator().manual_seed(5))
    assert torch.equal(moved, again)
    assert wanted.dtype == torch.int64
    assert set(wanted.unique().tolist()) <= {0, 1, 2}
    exact = not {"rotate", "subpixel", "crop"} & {*changes}
    differing = ((4 * moved[:, 0]).round() != wanted).float().mean()
    assert differing == 0 if exact else differing < 0.06
    assert torch.equal(wanted, masks) == (not changes or "noise" in changes)


def test_a_volume_moves_with_its_mask():
    data = dataset(5, 6, 7)
    images, masks = data.batch(range(4))
    augment = Augmentation(shift=2, flip="both")
    moved, wanted = augment.with_masks(images, masks, torch.Generator().manual_seed(5))
    torch.testing.assert_close(moved[:, 0] * 10, wanted.float())
    assert not torch.equal(wanted, masks)


def test_a_mask_that_moves_has_no_class_that_lies_between_two():
    masks = torch.zeros(8, 20, 20, dtype=torch.int64)
    masks[:, 5:14, 6:15] = 3
    augment = Augmentation(rotate=45.0, shift=1, subpixel=True)
    _, moved = augment.with_masks(torch.rand(8, 1, 20, 20), masks, torch.Generator().manual_seed(0))
    assert moved.unique().tolist() == [0, 3]
    assert int((moved == 3).sum()) == pytest.approx(int(masks.count_nonzero()), rel=0.03)


def test_a_region_is_where_its_part_is_drawn():
    drawing = draw(40, ("face",), seed=3, size=48)
    masks = regions(drawing.scene, 48)
    assert masks.dtype == torch.uint8
    for part, region in (("nose", "nose"), ("mouth", "mouth")):
        stroke = ink(drawing.scene, 48, (part,))[:, 0] >= 0.5
        found = masks == REGIONS.index(region)
        assert ((stroke & ~found).float().sum() / stroke.sum()) < 0.03  # the mouth comes later
        assert not (found & ~stroke).any()
    head = ink(drawing.scene, 48, ("head",))[:, 0] >= 0.5
    assert (masks[head] > 0).all()
    for b in range(40):  # the centres of the eyes and the head are within
        for part, region in (("left eye", "eyes"), ("right eye", "eyes")):
            x, y = ((drawing.scene.parts[b, PARTS.index(part), :2] + 1) * 24).long().tolist()
            assert masks[b, y, x] == REGIONS.index(region)


def test_what_is_missing_has_no_region():
    drawing = draw(90, ("face",), seed=3, size=32, missing=1.0)
    masks, shown = regions(drawing.scene, 32), drawing.scene.shown
    for region, part in (("eyes", 1), ("nose", 3), ("mouth", 4)):
        there = (masks == REGIONS.index(region)).flatten(1).any(1)
        assert torch.equal(there, shown[:, part])
        assert not there.all()


def test_any_face_has_its_mask_by_its_number():
    whole, part = draw(9, ("face",), seed=1), draw(4, ("face",), seed=1, start=3)
    assert torch.equal(regions(whole.scene, 32)[3:7], regions(part.scene, 32))


def test_the_dataset_of_parts():
    data = tc.load_dataset("face_parts", "validation")
    assert isinstance(data, SegmentationDataset)
    assert (len(data), data.in_shape, data.classes) == (600, (1, 32, 32), REGIONS)
    missing = [(data.labels == k).flatten(1).any(1).logical_not().float().mean() for k in (2, 3, 4)]
    assert sum(missing) == pytest.approx(0.25, abs=0.06)
    with pytest.raises(ValueError, match="at least 16"):
        tc.load_dataset("face_parts", "validation", size=8)
