"""Uploads: read in memory, and refused in a sentence."""

import struct
import zlib

import numpy as np
import pytest
import torch

from torchcaps.data.images import read_pixels
from torchcaps.explorer.picture import read_picture

from .conftest import encode, image_of, workspace_of


@pytest.fixture
def noise():
    return np.random.RandomState(0).randint(0, 256, (20, 30, 3))


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
    assert not read_picture(encode(page), workspace_of("folder"), drawn=False)["inverted"]
    assert read_picture(encode(page), workspace_of("mnist"), drawn=False)["inverted"]


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
