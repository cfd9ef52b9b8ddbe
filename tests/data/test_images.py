from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image

from torchcaps.data.images import decode, read_image


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
    image = read_image(save(tmp_path / "a.png", left_half), (1, 2, 4))[0]
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


@pytest.mark.parametrize("name", ["a.png", "a.jpg"])
def test_a_damaged_file_is_named(tmp_path, noise, name):
    path = save(tmp_path / name, np.kron(noise, np.ones((20, 20))))
    path.write_bytes(path.read_bytes()[:-60])
    with pytest.raises(
        ValueError, match=rf"read_image, .*{name}: expected a whole .*cannot be dec"
    ):
        read_image(path, (1, 5, 7))


def test_other_files_are_named(tmp_path):
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "empty.png").touch()
    for file, message in {
        "text.png": r"text\.png: expected a whole .*cannot be decoded .*; delete or replace it",
        "empty.png": r"empty\.png: expected a picture; got an empty file; delete or replace it",
        "missing.png": r"missing\.png: expected a picture file; got nothing there; check the path",
        "": "expected a picture file; got a folder; check the path",
    }.items():
        with pytest.raises(ValueError, match=f"read_image, .*{message}"):
            read_image(tmp_path / file, (1, 5, 7))


@pytest.mark.parametrize("in_shape", [(2, 5, 7), (1, 0, 7)])
def test_only_grey_and_colour_of_some_size(tmp_path, in_shape):
    with pytest.raises(ValueError, match=r"in_shape: expected \(1 or 3, H, W\); got \(.*\); only"):
        read_image(tmp_path / "a.png", in_shape)


def test_formats_and_sizes_can_be_limited(tmp_path, noise):
    path = save(tmp_path / "a.png", noise)
    for file in (path, BytesIO(path.read_bytes())):
        assert decode(file, "here", formats=("PNG",), largest=7).size == (7, 5)
    with pytest.raises(ValueError, match=r"here: expected a whole JPEG or GIF picture; .*no known"):
        decode(path, "here", formats=("JPEG", "GIF"))
    with pytest.raises(ValueError, match=r"here: expected .* at most 6 pixels a side; got 7 x 5; "):
        decode(path, "here", largest=6)


def test_whatever_damage_makes_a_decoder_raise_is_told(tmp_path, noise, monkeypatch):
    path = save(tmp_path / "a.png", noise)

    def broken(self):
        raise TypeError("bad operand")  # as of PIL for some damaged EXIF tags

    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load", broken)
    with pytest.raises(ValueError, match=r"a\.png: .* cannot be decoded \(bad operand\)"):
        read_image(path, (1, 5, 7))
