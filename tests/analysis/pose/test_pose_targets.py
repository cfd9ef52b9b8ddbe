"""Images of which it is known how things lie in them: what is said is what is seen."""

import pytest
import torch

from torchcaps.analysis.pose.pose_targets import RANGES, drawn, moved
from torchcaps.data import ImageDataset, load_dataset
from torchcaps.data.transforms import affine


@pytest.fixture
def dots():
    """A soft blot in the middle of 17 x 17 pixels, where turning and scaling leave its centre."""
    profile = torch.exp(-(torch.arange(17.0) - 8).square() / 5)
    images = (profile * profile[:, None]).expand(2, 1, 17, 17).clone()
    return ImageDataset(images, torch.tensor([0, 1]), ("a", "b"))


def test_every_image_is_moved_several_times_within_the_ranges(dots):
    posed = moved(dots, 500, seed=0)
    assert posed.images.shape == (1000, 1, 17, 17)
    assert posed.labels.tolist() == [0, 1] * 500
    assert list(posed.quantities) == list(RANGES)
    for name, (low, high) in RANGES.items():
        values = posed.quantities[name]
        assert low <= values.min() < low + 0.02 * (high - low)
        assert high >= values.max() > high - 0.02 * (high - low)
        assert values.mean() == pytest.approx((low + high) / 2, abs=0.04 * (high - low))


def test_no_quantity_tells_of_another(dots):
    table = torch.stack(list(moved(dots, 500, seed=0).quantities.values()))
    assert (torch.corrcoef(table) - torch.eye(len(RANGES))).abs().max() < 0.12


def test_the_shifts_are_where_the_ink_goes(dots):
    posed = moved(dots, 20, seed=1)
    pixels = torch.arange(17) - 8.0
    ink = posed.images.sum((1, 2, 3))
    x = (posed.images * pixels).sum((1, 2, 3)) / ink
    y = (posed.images * pixels[:, None]).sum((1, 2, 3)) / ink
    torch.testing.assert_close(x, 17 * posed.quantities["shift x"], rtol=0, atol=0.05)
    torch.testing.assert_close(y, 17 * posed.quantities["shift y"], rtol=0, atol=0.05)


def test_what_is_said_makes_the_same_image_again():
    dataset = load_dataset("digits", "test").first(3)
    posed = moved(dataset, 2, seed=5)
    known = {name: float(values[4]) for name, values in posed.quantities.items()}
    again = affine(
        dataset.batch([1])[0],
        degrees=known["rotation"],
        scale=known["scale"],
        dx=8 * known["shift x"],
        dy=8 * known["shift y"],
        shear=known["shear"],
    )
    torch.testing.assert_close(posed.images[4:5], again)


def test_a_seed_says_all(dots):
    first, second = moved(dots, 3, seed=2), moved(dots, 3, seed=2)
    assert torch.equal(first.images, second.images)
    assert not torch.equal(first.images, moved(dots, 3, seed=3).images)


def test_drawn_figures_are_whole_and_known():
    posed = drawn(60)
    classes = load_dataset("faces", "test", missing=0.0).classes
    assert [classes[label] for label in posed.labels[:4]] == ["face", "house", "car", "face"]
    assert list(posed.quantities) == ["rotation", "scale", "shift x", "shift y", "thickness"]
    assert 15 < posed.quantities["rotation"].abs().max() <= 20
    left = posed.quantities["shift x"].argmin()
    right = posed.quantities["shift x"].argmax()
    columns = torch.arange(32.0)
    centres = (posed.images.clamp_min(0.5) - 0.5).sum((1, 2)) @ columns
    centres /= (posed.images.clamp_min(0.5) - 0.5).sum((1, 2, 3))
    assert centres[left] + 1 < centres[right]


def test_later_figures_are_those_of_a_longer_row():
    whole, rest = drawn(10), drawn(4, start=6)
    assert torch.equal(whole.images[6:], rest.images)
    assert torch.equal(whole.labels[6:], rest.labels)
    for name, values in rest.quantities.items():
        assert torch.equal(values, whole.quantities[name][6:])
