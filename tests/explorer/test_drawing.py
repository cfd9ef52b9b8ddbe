"""Drawings: fitted like the digits that the models were trained on."""

import numpy as np
import pytest
import torch

from torchcaps.data import load_dataset
from torchcaps.explorer.picture import read_picture

from .conftest import encode, image_of, workspace_of


def drawn(pixels, data, size):
    return image_of(read_picture(encode(pixels), workspace_of(data, size), drawn=True)["pixels"])[0]


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


@pytest.mark.parametrize(("data", "size"), [("mnist", 28), ("digits", 8)])
def test_thin_and_pale_strokes_become_as_bright_as_the_data(data, size):
    page = np.zeros((400, 400))
    page[50:350, 60:63] = page[50:53, 60:200] = 120
    assert drawn(page, data, size).max() == 1


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
