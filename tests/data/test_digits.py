import torch

from torchcaps.data import load_dataset
from torchcaps.data.splits import SPLITS


def test_the_cut_is_as_documented():
    sizes = {split: len(load_dataset("digits", split)) for split in SPLITS}
    assert sizes == {"train": 1257, "validation": 180, "test": 360, "train+validation": 1437}
    assert load_dataset("digits", "test").labels.bincount().tolist() == [36] * 10
    assert load_dataset("digits", "validation").labels.bincount().tolist() == [18] * 10


def test_pixels_are_sixteenths():
    images = load_dataset("digits").images
    sixteenths = images * 16
    assert torch.equal(sixteenths, sixteenths.round())
    assert (images.min().item(), images.max().item()) == (0.0, 1.0)


def test_all_1797_images_are_there_and_unchanged():
    """Totals of the published file: its ink, its digits, and a sum that depends on position."""
    parts = [load_dataset("digits", split) for split in ("train+validation", "test")]
    ink = torch.cat([part.images for part in parts]) * 16
    labels = torch.cat([part.labels for part in parts])
    assert labels.bincount().tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert ink.sum().item() == 561_718
    placed = (ink.double().sum(dim=0).flatten() * torch.arange(64)).sum()
    assert placed.item() == 17_660_653


def test_the_first_image_of_the_file_is_the_zero_everybody_knows():
    zero = torch.tensor(
        [
            [0, 0, 5, 13, 9, 1, 0, 0],
            [0, 0, 13, 15, 10, 15, 5, 0],
            [0, 3, 15, 2, 0, 11, 8, 0],
            [0, 4, 12, 0, 0, 8, 8, 0],
            [0, 5, 8, 0, 0, 9, 8, 0],
            [0, 4, 11, 0, 1, 12, 7, 0],
            [0, 2, 14, 5, 10, 12, 0, 0],
            [0, 0, 6, 13, 10, 0, 0, 0],
        ]
    )
    parts = [load_dataset("digits", split) for split in ("train+validation", "test")]
    images = torch.cat([part.images for part in parts])
    labels = torch.cat([part.labels for part in parts])
    found = (images[:, 0] * 16 == zero).flatten(1).all(dim=1)
    assert labels[found].tolist() == [0]


def test_the_cut_never_changes():
    """Pinned: results published on these splits stay comparable."""
    weights = torch.arange(1, 65).reshape(8, 8)
    marks = [(load_dataset("digits", s).images * 16 * weights).sum().item() for s in SPLITS[:3]]
    assert marks == [12_713_341, 1_834_396, 3_674_634]
