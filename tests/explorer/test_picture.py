"""Uploads and drawings: read in memory, refused in a sentence, fitted like the training data."""

import struct
import zlib
from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image

from torchcaps.data import load_dataset
from torchcaps.data.images import read_pixels
from torchcaps.explorer.picture import read_picture
from torchcaps.explorer.sets import ModelSet
from torchcaps.training import Recipe

from .conftest import image_of


def encode(pixels, kind="PNG", **options):
    buffer = BytesIO()
    Image.fromarray(np.asarray(pixels, dtype=np.uint8)).save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.fixture
def noise():
    return np.random.RandomState(0).randint(0, 256, (20, 30, 3))


@pytest.fixture
def upload(client):
    """upload(content): the answer; upload(content, status=413): the sentence."""

    def post(content, ink=0, status=200, id="digits"):
        response = client.post("/api/picture", params={"set": id, "ink": ink}, content=content)
        assert response.status_code == status, response.text
        return response.json() if status == 200 else response.json()["error"]

    return post


def set_of(data, size=28):
    """A set without models for images of this size, as if they were of dataset `data`."""
    test_set = load_dataset("digits", "test").first(10)
    test_set.images = torch.zeros(10, 1, size, size)
    return ModelSet("digits", Recipe(data=data), test_set, ())


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_an_upload_is_stretched_as_predict_does(upload, noise, tmp_path, kind):
    (tmp_path / "a").write_bytes(encode(noise, kind))
    said = upload((tmp_path / "a").read_bytes())
    expected = read_pixels(tmp_path / "a", (1, 8, 8))
    assert torch.equal(image_of(said["pixels"]), expected / 255)
    assert said["inverted"] is False


def test_ink_on_paper_is_inverted_and_said_to_be(upload):
    page = np.full((80, 60), 240)
    page[20:60, 28:32] = 10
    said = upload(encode(page))
    plain = upload(encode(255 - page))
    assert (said["inverted"], plain["inverted"]) == (True, False)
    assert said["pixels"] == plain["pixels"]


@pytest.mark.parametrize("level", [0, 128, 255])
def test_an_even_page_has_no_ink_to_invert(upload, level):
    assert upload(encode(np.full((40, 40), level)))["inverted"] is False


def test_photographs_are_taken_as_they_are():
    page = np.full((80, 60), 240)
    page[20:60, 28:32] = 10
    assert not read_picture(encode(page), set_of("folder"), drawn=False)["inverted"]
    assert read_picture(encode(page), set_of("mnist"), drawn=False)["inverted"]


def bomb(width, height):
    """A small PNG that says it is large, and has the zeros to be so."""

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = zlib.compress(bytes(1_000_000), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


@pytest.mark.parametrize("size", [(4097, 8), (8, 4097), (9000, 9000)])
def test_a_picture_that_says_it_is_large_is_refused_before_it_is_decoded(upload, monkeypatch, size):
    def decoded(self):
        raise AssertionError("a pixel was decoded")

    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load", decoded)
    width, height = size
    assert upload(bomb(width, height), status=400) == (
        f"picture: expected a picture of at most 4096 pixels a side; got {width} x {height}; "
        "make it smaller"
    )


def test_a_bomb_is_refused_too(upload):
    assert "cannot be decoded" in upload(bomb(60_000, 60_000), status=400)


def test_4096_pixels_a_side_are_taken(upload):
    assert upload(encode(np.zeros((4096, 5))))["pixels"]["shape"] == [1, 8, 8]


def test_over_5_mb_is_refused(upload):
    message = upload(bytes(5_000_001), status=413)
    assert message == "expected at most 5 MB; got more; take a smaller picture"


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_file_that_breaks_off_is_refused(upload, noise, kind):
    content = encode(noise, kind)
    message = upload(content[: len(content) // 2], status=400)
    assert message.startswith("picture: expected a whole PNG or JPEG or WEBP picture; got one that")


@pytest.mark.parametrize("ink", [0, 1])
@pytest.mark.parametrize(
    "content", [b"", b"no picture", b"<svg/>", b"\x89PNG\r\n\x1a\n", b"GIF89a"]
)
def test_what_is_no_picture_is_refused(upload, content, ink):
    assert "cannot be decoded" in upload(content, ink=ink, status=400)


@pytest.mark.parametrize("kind", ["GIF", "BMP", "TIFF", "PPM", "ICO"])
def test_other_formats_are_refused(upload, noise, kind):
    assert "(no known format)" in upload(encode(noise, kind), status=400)


@pytest.mark.parametrize("query", ["", "set=digits", "ink=0", "set=digits&ink=2", "set=x&ink=0"])
def test_a_query_must_be_whole(client, noise, query):
    response = client.post(f"/api/picture?{query}", content=encode(noise))
    assert response.status_code == 400
    assert response.json()["error"].startswith("picture, ")


def test_nothing_is_written(upload, noise, tmp_path, monkeypatch):
    import builtins
    import os

    upload(encode(noise))  # whatever is imported late
    monkeypatch.chdir(tmp_path)
    opened = []
    plain = builtins.open
    monkeypatch.setattr(builtins, "open", lambda *a, **k: opened.append(a) or plain(*a, **k))
    monkeypatch.setattr(os, "open", lambda *a, **k: opened.append(a))
    for kind in ("PNG", "JPEG", "WEBP"):
        upload(encode(noise, kind))
        upload(encode(noise, kind), ink=1)
    upload(encode(noise)[:50], status=400)
    assert opened == []
    assert list(tmp_path.iterdir()) == []


# Drawings


def drawn(pixels, data, size):
    return image_of(read_picture(encode(pixels), set_of(data, size), drawn=True)["pixels"])[0]


def middle_of_mass(image):
    weight = image / image.sum()
    places = torch.arange(len(image), dtype=torch.float)
    return float(weight.sum(1) @ places), float(weight.sum(0) @ places)


@pytest.mark.parametrize(("top", "left"), [(0, 0), (150, 20), (40, 220)])
@pytest.mark.parametrize("scale", [1, 3])
def test_a_drawing_for_mnist_fills_20_pixels_around_its_mass(top, left, scale):
    page = np.zeros((300, 300))
    page[top : top + 50 * scale, left : left + 10 * scale] = 255  # an L
    page[top + 40 * scale : top + 50 * scale, left : left + 25 * scale] = 255
    image = drawn(page, "mnist", 28)
    rows, columns = (image > 0.2).nonzero().T
    assert rows.max() - rows.min() + 1 == 20
    cut = min(25 * scale, 300 - left)  # what the page's edge took
    assert columns.max() - columns.min() + 1 == pytest.approx(20 * cut / (50 * scale), abs=1)
    assert middle_of_mass(image) == pytest.approx((14, 14), abs=0.51)


def test_digits_of_mnist_drawn_large_elsewhere_come_back():
    try:
        dataset = load_dataset("mnist", "test")
    except FileNotFoundError as error:
        pytest.skip(str(error))
    for k in range(20):
        original = dataset[k][0][0]
        page = np.zeros((300, 300))
        page[17:297, 3:283] = np.kron((original * 255).numpy(), np.ones((10, 10)))
        image = drawn(page, "mnist", 28)
        assert float((image - original).abs().mean()) < 0.35 * float(original.mean())


def test_a_drawing_for_the_small_digits_is_as_high_as_the_image():
    page = np.zeros((200, 200))
    page[30:150, 100:130] = 255
    image = drawn(page, "digits", 8)
    assert image.max(1).values.min() > 0.9  # every row
    assert image[:, [0, 1, 2, 5, 6, 7]].max() == 0


def test_a_wide_drawing_is_squeezed_as_the_small_digits_are():
    page = np.zeros((200, 200))
    page[50:150, 30:150] = 255
    image = drawn(page, "digits", 8)
    assert image[:, [0, 7]].max() == 0
    assert image[1:6, 1:7].min() == 1


def test_other_data_are_drawn_as_they_are():
    page = np.zeros((64, 64))
    page[:16, :16] = 255
    image = drawn(page, "fashion_mnist", 28)
    assert image[:6, :6].min() == 1
    assert image[9:].max() == 0


def test_an_empty_canvas_is_refused(upload):
    for page in (np.zeros((50, 50)), np.full((50, 50), 20)):
        assert upload(encode(page), ink=1, status=400) == (
            "drawing: expected some ink; got an empty canvas; draw something first"
        )


def test_a_transparent_canvas_is_black_paper(upload):
    page = np.zeros((40, 40, 4))
    page[10:30, 15:25] = 255
    opaque = page[..., 0]
    assert upload(encode(page), ink=1) == upload(encode(opaque), ink=1)
    assert upload(encode(page), ink=1)["inverted"] is False


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (2, 2)])
def test_any_canvas_fits(size):
    for data, side in (("mnist", 28), ("digits", 8)):
        assert drawn(np.full(size, 255), data, side).max() == 1
