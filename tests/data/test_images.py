import numpy as np
import pytest
import torch
from PIL import Image

from torchcaps.data.images import read_image, resized


def save(path, pixels, **options):
    Image.fromarray(np.asarray(pixels, dtype=options.pop("dtype", np.uint8))).save(path, **options)
    return path


@pytest.fixture
def noise():
    return np.random.RandomState(0).randint(0, 256, (5, 7))


def test_grey_pixels_at_their_own_size_are_unchanged(tmp_path, noise):
    image = read_image(save(tmp_path / "a.png", noise), (1, 5, 7))
    assert image.dtype == torch.float32
    assert torch.equal(image, torch.from_numpy(noise).float()[None] / 255)


def test_colour_planes_come_red_green_blue(tmp_path):
    path = save(tmp_path / "a.png", [[[255, 0, 51]] * 3] * 2)
    image = read_image(path, (3, 2, 3))
    assert torch.equal(image, torch.tensor([1, 0, 0.2])[:, None, None].expand(3, 2, 3))
    grey = read_image(path, (1, 2, 3))
    torch.testing.assert_close(grey, torch.full((1, 2, 3), 0.299 + 0.114 * 0.2), atol=3e-3, rtol=0)


def test_grey_becomes_colour_by_repetition(tmp_path, noise):
    image = read_image(save(tmp_path / "a.png", noise), (3, 5, 7))
    assert torch.equal(image, torch.from_numpy(noise).float().expand(3, 5, 7) / 255)


def test_height_and_width_are_not_mixed_up(tmp_path):
    left_half = np.zeros((8, 8))
    left_half[:, :4] = 255
    image = read_image(save(tmp_path / "a.png", left_half), (1, 2, 4), "stretch")[0]
    assert image[:, 0].min() > 0.9
    assert image[:, 3].max() < 0.1


def test_shrinking_averages_instead_of_skipping(tmp_path):
    stripes = np.tile([0, 255], (16, 8))
    image = read_image(save(tmp_path / "a.png", stripes), (1, 4, 4))
    torch.testing.assert_close(image, torch.full((1, 4, 4), 0.5), atol=0.05, rtol=0)


def test_sixteen_bit_grey_is_scaled_and_not_clipped(tmp_path):
    levels = np.array([[0, 16384, 32768, 65535]])
    image = read_image(save(tmp_path / "a.png", levels, dtype=np.uint16), (1, 1, 4))
    torch.testing.assert_close(image, torch.tensor([[[0, 64, 128, 255]]]) / 255, atol=0, rtol=0)


def test_transparent_is_white_paper(tmp_path):
    path = save(tmp_path / "a.png", [[[0, 0, 0, 255], [0, 0, 0, 0]]])
    assert read_image(path, (1, 1, 2)).flatten().tolist() == [0.0, 1.0]


def test_a_photo_is_turned_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # stored lying: turn clockwise to show
    path = save(tmp_path / "a.png", [[0, 255]], exif=exif)
    assert read_image(path, (1, 2, 1)).flatten().tolist() == [0.0, 1.0]


@pytest.mark.parametrize("in_shape", [(2, 5, 7), (1, 0, 7)])
def test_only_grey_and_colour_of_some_size(tmp_path, in_shape):
    with pytest.raises(ValueError, match=r"in_shape: expected \(1 or 3, H, W\); got \(.*\); only"):
        read_image(tmp_path / "a.png", in_shape)


def filled(width, height, level=200, border=30):
    """A grey picture with a border of one pixel in another level."""
    pixels = np.full((height, width), level, dtype=np.uint8)
    pixels[[0, -1]] = pixels[:, [0, -1]] = border
    return Image.fromarray(pixels)


def test_padding_keeps_the_aspect_and_fills_with_the_colour_of_the_border():
    wide = resized(filled(40, 20), (1, 10, 10))[0]
    assert (wide[:2] == 30).all()
    assert (wide[8:] == 30).all()
    assert (wide[4:6, 3:7] == 200).all()
    tall = resized(filled(20, 40), (3, 10, 10))
    assert torch.equal(tall, wide.T.expand(3, 10, 10))


def test_cropping_keeps_the_aspect_and_cuts_both_ends():
    ramp = Image.fromarray(np.arange(40, dtype=np.uint8)[None].repeat(20, 0))
    cut = resized(ramp, (1, 20, 20), "crop")[0]
    assert torch.equal(cut[0], torch.arange(10, 30, dtype=torch.uint8))


@pytest.mark.parametrize("size", [(4000, 1), (1, 4000)])
@pytest.mark.parametrize("fit", ["pad", "crop", "stretch"])
def test_the_thinnest_picture_has_a_pixel_left(size, fit):
    assert (resized(Image.new("L", size, 9), (1, 8, 8), fit) == 9).all()


@pytest.mark.usefixtures("unchecked")
def test_another_fit_is_refused(tmp_path):
    with pytest.raises(ValueError, match="fit: expected one of pad, crop, stretch; got 'padd'; di"):
        read_image(tmp_path / "a.png", (1, 5, 7), "padd")  # pyright: ignore[reportArgumentType]
