"""Which files are decoded, and what their numbers become."""

from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image, features

from torchcaps.data.decoding import SUFFIXES, decode, raster_formats
from torchcaps.data.images import read_image


def save(path, pixels, dtype: Any = np.uint8, **options):
    Image.fromarray(np.asarray(pixels, dtype=dtype)).save(path, **options)
    return path


@pytest.fixture
def noise():
    return np.random.RandomState(0).randint(0, 256, (5, 7))


@pytest.mark.parametrize("suffix", [s for name in raster_formats() for s in SUFFIXES[name]])
def test_every_format_is_read(tmp_path, suffix):
    if suffix == ".avif" and not features.check("avif"):
        pytest.skip("PIL was built without AVIF")
    Image.new("1" if suffix == ".pbm" else "L", (40, 40), 255).save(tmp_path / f"a{suffix}")
    pixels = np.asarray(decode(tmp_path / f"a{suffix}", "here").convert("L"))
    assert pixels.shape == (40, 40)
    assert pixels.min() > 250


@pytest.mark.parametrize("kind", ["EPS", "PDF"])
@pytest.mark.parametrize("name", ["x.png", "x.eps"])
def test_what_another_program_would_draw_is_never_opened(tmp_path, monkeypatch, kind, name):
    def started(*_, **__):
        raise AssertionError("a program was started")

    Image.new("L", (40, 40)).save(tmp_path / name, kind)
    monkeypatch.setattr("PIL.EpsImagePlugin.Ghostscript", started)
    with pytest.raises(ValueError, match=r"x\.\w+: expected a whole .*\(no known format\)"):
        read_image(tmp_path / name, (1, 8, 8))


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.pgm"])
def test_sixteen_bits_are_divided_by_65535(tmp_path, name):
    levels = [[0, 16384, 32768, 65535]]
    pixels = np.asarray(decode(save(tmp_path / name, levels, np.uint16), "here"))
    assert pixels.tolist() == [[0, 64, 128, 255]]


def test_floats_in_the_unit_range_are_taken_as_they_are(tmp_path):
    pixels = np.asarray(decode(save(tmp_path / "a.tif", [[0, 0.2, 1]], np.float32), "here"))
    assert pixels.tolist() == [[0, 51, 255]]


@pytest.mark.parametrize(
    ("pixels", "dtype", "got"),
    [
        ([[0, 70000]], np.int32, "I from 0 to 70000"),
        ([[-5, 100]], np.int32, "I from -5 to 100"),
        ([[0, 255]], np.float32, "F from 0 to 255"),
        ([[-0.1, 1]], np.float32, "F from -0.1 to 1"),
        ([[np.nan, 1]], np.float32, "F from nan to nan"),
    ],
)
def test_numbers_without_a_range_are_refused(tmp_path, pixels, dtype, got):
    with pytest.raises(ValueError, match=rf"here: expected 8 or 16 bits .*; got {got}; save it as"):
        decode(save(tmp_path / "a.tif", pixels, dtype), "here")


@pytest.mark.parametrize("tags", [{258: 12}, {262: 0}], ids=["12 bits", "white is zero"])
def test_tiffs_whose_white_is_elsewhere_are_refused(tmp_path, tags):
    path = save(tmp_path / "a.tif", [[0, 4095]], np.uint16)
    data = bytearray(path.read_bytes())
    for tag, value in tags.items():
        at = data.index(tag.to_bytes(2, "little") + b"\3\0\1\0\0\0")
        data[at + 8 : at + 10] = value.to_bytes(2, "little")
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"here: expected 8 or 16 bits .*; got I;16 from 0 to"):
        decode(path, "here")


def test_lab_is_refused_by_name(tmp_path):
    Image.new("LAB", (4, 4)).save(tmp_path / "a.tif")
    with pytest.raises(ValueError, match=r"read_image, .*a\.tif: expected 8 or 16 .*; got LAB"):
        read_image(tmp_path / "a.tif", (3, 4, 4))


def test_too_many_pixels_are_refused_before_they_are_decoded(tmp_path, monkeypatch):
    def decoded(self):
        raise AssertionError("a pixel was decoded")

    Image.new("1", (10_000, 5_001)).save(tmp_path / "a.png")
    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load", decoded)
    with pytest.raises(ValueError, match="at most 50,000,000 pixels; got 10000 x 5001; make it sm"):
        decode(tmp_path / "a.png", "here")


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
