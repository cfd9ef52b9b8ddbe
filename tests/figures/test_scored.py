"""Every image in its place, and under it bars as long as its scores."""

import numpy as np
import pytest
import torch
from matplotlib.colors import to_hex

from torchcaps.figures.scored import scored_images
from torchcaps.figures.style import COLOURS, to_bytes

SCORES = {
    "caps": [[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]],
    "cnn": [[1.0, 0.0, 0.25], [0.75, 0.125, 0.5]],
}


@pytest.fixture
def rows():
    torch.manual_seed(0)
    return [torch.rand(3, 1, 8, 8), torch.rand(3, 1, 8, 8)]


@pytest.fixture
def figure(rows):
    return scored_images(rows, SCORES, title="T", row_labels=["face", "twin"], legend="L")


def test_images_stand_in_rows_and_columns(figure, rows):
    (axes,) = figure.axes
    places = [image.get_extent() for image in axes.images]
    for k, image in enumerate(axes.images):
        for channel in range(3):
            assert np.array_equal(image.get_array()[..., channel], rows[k // 3][k % 3, 0])
    assert [place[0] for place in places[:3]] == sorted(place[0] for place in places[:3])
    assert places[3][0] == places[0][0]
    assert places[3][3] > places[0][2], "the second row is below the first, y being down"
    middles = [(places[k][2] + places[k][3]) / 2 for k in (0, 3)]
    assert list(axes.get_yticks()) == middles
    assert [text.get_text() for text in axes.get_yticklabels()] == ["face", "twin"]
    assert axes.get_title(loc="left") == "T"


def test_bars_have_the_length_of_the_scores_under_their_image(figure):
    (axes,) = figure.axes
    full = {bar.get_width() for c in axes.containers[::2] for bar in c}
    assert len(full) == 1, "the grey ones are the scale"
    (unit,) = full
    coloured = axes.containers[1::2]
    values = [v for said in SCORES.values() for row in said for v in row]
    bars = [bar for container in coloured for bar in container]
    assert [bar.get_width() / unit for bar in bars] == pytest.approx(values)
    for k, bar in enumerate(bars):
        left, _, bottom, _ = axes.images[k % 6].get_extent()
        assert bar.get_x() == left
        assert bottom < bar.get_y() < bottom + 0.4
        assert to_hex(bar.get_facecolor()).upper() == COLOURS[k // 6]
    numbers = [text.get_text() for text in axes.texts]
    assert numbers == [f"{value:.2f}" for value in values]


def test_the_legend_names_each_model_once(figure):
    (legend,) = figure.legends
    assert legend.get_title().get_text() == "L"
    assert [text.get_text() for text in legend.get_texts()] == ["caps", "cnn"]


def test_the_png_shows_the_colours_and_nothing_is_cut_off(figure, decode):
    pixels = decode(to_bytes(figure))
    for colour in COLOURS[:2]:
        wanted = [int(colour[k : k + 2], 16) for k in (1, 3, 5)]
        assert (np.abs(pixels.astype(int) - wanted).max(-1) < 8).sum() > 100
    edge = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    assert (edge == 255).all()
