import pytest
import torch

from torchcaps.data import Augmentation
from torchcaps.data.augmentation import (
    add_noise,
    random_crop,
    random_flip,
    scale_brightness,
    scale_contrast,
    scale_saturation,
)
from torchcaps.data.transforms import random_shift, rotate

CHANGES = [
    {"shift": 2},
    {"subpixel": True},
    {"flip": "horizontal"},
    {"flip": "vertical"},
    {"flip": "both"},
    {"rotate": 20.0},
    {"brightness": 0.3},
    {"contrast": 0.3},
    {"saturation": 0.3},
    {"crop": 0.4},
    {"noise": 0.2},
    {"shift": 1, "crop": 0.2, "flip": "both", "rotate": 5.0, "contrast": 0.2, "noise": 0.1},
]


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def noise(count=6, channels=3, height=7, width=5):
    return torch.rand((count, channels, height, width), generator=seeded(9))


def factors(*values):
    return torch.tensor(values)


@pytest.mark.parametrize("changes", CHANGES, ids=str)
def test_each_is_a_function_of_the_generator_and_changes_images_one_by_one(changes):
    augment, images = Augmentation(**changes), noise(40)
    before = images.clone()
    found = augment(images, seeded(1))
    assert torch.equal(found, augment(images, seeded(1)))
    assert not torch.equal(found, augment(images, seeded(2)))
    assert torch.equal(images, before)
    assert (found.shape, found.dtype) == (images.shape, images.dtype)
    assert found.min() >= 0
    assert found.max() <= 1
    same = augment(images[:1].expand(40, -1, -1, -1), seeded(1))
    assert len({tuple(image.flatten().tolist()) for image in same}) > 1


def test_by_default_nothing_changes_and_nothing_is_drawn():
    generator, images = seeded(), noise()
    before = generator.get_state()
    assert torch.equal(Augmentation()(images, generator), images)
    assert torch.equal(generator.get_state(), before)
    assert Augmentation().flip == "none"


def test_shifts_are_those_of_random_shift_whatever_follows():
    images = noise()
    expected = random_shift(images, 2, seeded(3), subpixel=True)
    assert torch.equal(Augmentation(shift=2, subpixel=True)(images, seeded(3)), expected)
    almost = Augmentation(shift=2, subpixel=True, brightness=1e-9)(images, seeded(3))
    torch.testing.assert_close(almost, expected)


@pytest.mark.parametrize(
    ("flip", "axes"),
    [
        ("horizontal", [(), (-1,)]),
        ("vertical", [(), (-2,)]),
        ("both", [(), (-1,), (-2,), (-1, -2)]),
    ],
)
def test_each_way_of_a_flip_is_as_probable(flip, axes):
    image = noise(1)
    found = random_flip(image.expand(4000, -1, -1, -1), flip, seeded())
    counts = [(found == image.flip(way)).flatten(1).all(1).sum().item() for way in axes]
    assert sum(counts) == 4000
    assert all(abs(count - 4000 / len(axes)) < 160 for count in counts)  # 5 standard deviations


def test_rotations_are_uniform_between_the_limits():
    class Angles:
        found: torch.Tensor

    def remember(images, degrees, mode):
        Angles.found = degrees
        return rotate(images, degrees, mode=mode)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("torchcaps.data.augmentation.rotate", remember)
        Augmentation(rotate=30.0)(torch.zeros(6000, 1, 3, 3), seeded())
    counts = torch.histc(Angles.found, 6, -30, 30)
    assert counts.sum() == 6000
    assert (counts - 1000).abs().max() < 145  # 5 standard deviations


def test_brightness_is_a_factor_of_all_pixels():
    images = noise(2) / 2
    torch.testing.assert_close(scale_brightness(images, factors(1.5, 0.5))[0], 1.5 * images[0])
    torch.testing.assert_close(scale_brightness(images, factors(1.5, 0.5))[1], 0.5 * images[1])
    assert scale_brightness(images, factors(9.0, 0.0)).max() == 1


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_contrast_keeps_the_mean_grey_and_1_changes_nothing(channels):
    images = 0.25 + noise(3, channels) / 2
    found = scale_contrast(images, factors(0.0, 0.5, 1.0))
    assert found[0].std() < 1e-6
    torch.testing.assert_close(found[1].std(), images[1].std() / 2, rtol=0.1, atol=0)
    torch.testing.assert_close(found[2], images[2])
    if channels == 1:
        torch.testing.assert_close(found.mean((1, 2, 3)), images.mean((1, 2, 3)))


def test_saturation_of_0_is_grey_and_keeps_the_luminance():
    images = 0.25 + noise(2) / 2
    found = scale_saturation(images, factors(0.0, 1.2))
    assert (found[0] - found[0, :1]).abs().max() < 1e-6
    weights = torch.tensor([0.299, 0.587, 0.114])[:, None, None]
    torch.testing.assert_close((weights * found).sum(1), (weights * images).sum(1))
    torch.testing.assert_close(
        found[1, 0] - found[1, 1], 1.2 * (images[1, 0] - images[1, 1]), atol=1e-6, rtol=1e-5
    )


def windows(image, most, count=500):
    """Crops of a picture whose channels are its own x and y, and the side that each has."""
    height, width = image
    x, y = torch.meshgrid(torch.arange(width), torch.arange(height), indexing="xy")
    ramps = torch.stack([x, y]).float().expand(count, 2, height, width)
    found = random_crop(ramps, most, seeded())
    return found[:, 0], found[:, 1]


@pytest.mark.parametrize("image", [(12, 12), (9, 17)])
def test_a_crop_is_a_window_within_the_image_of_its_aspect(image):
    x, y = windows(image, 0.5)
    share_x = (x[:, 0, -1] - x[:, 0, 0]) / (image[1] - 1)
    share_y = (y[:, -1, 0] - y[:, 0, 0]) / (image[0] - 1)
    torch.testing.assert_close(share_x, share_y, atol=1e-4, rtol=0)
    assert 0.5 <= share_x.min() < 0.52
    assert 0.98 < share_x.max() <= 1.0001
    for ramp, side in ((x, image[1]), (y, image[0])):
        assert ramp.min() > -1e-4
        assert ramp.max() < side - 1 + 1e-4
        room = ramp.flatten(1).amin(1) / (side * (1 - share_x))
        assert room.min() < 0.05  # from edge
        assert room.max() > 0.85  # to edge
    steps = x.diff(dim=2)
    torch.testing.assert_close(steps, steps[:, :1, :1].expand_as(steps), atol=1e-4, rtol=0)


def test_nothing_of_the_outside_comes_in_and_a_crop_of_0_changes_nothing():
    ones = torch.ones(200, 1, 9, 6)
    torch.testing.assert_close(random_crop(ones, 0.9, seeded()), ones)
    torch.testing.assert_close(random_crop(noise(), 0.0, seeded()), noise())


@pytest.mark.parametrize("shape", [(9, 2, 500), (9, 1, 20, 25), (2, 1, 10, 20, 25)])
def test_noise_has_its_deviation_and_no_bias_whatever_the_rank(shape):
    drawn = add_noise(torch.full(shape, 20.0), 3.0, seeded()) - 20
    count = drawn.numel()
    assert abs(drawn.mean()) < 5 * 3 / count**0.5
    assert abs(drawn.std() - 3) < 5 * 3 / (2 * count) ** 0.5
    assert drawn.unique().numel() > 0.9 * count


def test_noise_keeps_pictures_within_0_and_1_and_signals_as_they_are():
    white = torch.ones(4, 1, 8, 8)
    found = Augmentation(noise=0.1)(white, seeded())
    assert found.max() == 1
    assert found.min() < 1
    assert Augmentation(noise=0.1)(torch.ones(4, 1, 64), seeded()).max() > 1.1
