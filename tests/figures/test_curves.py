"""The lines of a figure are the numbers it was given."""

import numpy as np
import pytest
from matplotlib.colors import to_hex

from torchcaps.figures.curves import Spread, accuracy_curves
from torchcaps.figures.style import COLOURS, to_bytes

X = (-45, 0, 45)
CURVES = {"capsnet": Spread([60, 98, 58.5], [3, 0.5, 2]), "cnn": Spread([39, 97, 46], [0, 0, 0])}


@pytest.fixture
def axes():
    figure = accuracy_curves(X, CURVES, title="capsnet is ahead", xlabel="degrees")
    (only,) = figure.axes
    return only


def test_one_line_a_model_with_its_means(axes):
    drawn = {line.get_label(): line.get_xydata().tolist() for line in axes.lines}
    assert drawn == {
        "capsnet": [[-45, 60], [0, 98], [45, 58.5]],
        "cnn": [[-45, 39], [0, 97], [45, 46]],
    }


def test_the_band_is_one_standard_deviation_to_either_side(axes):
    band, flat = ({tuple(p) for p in c.get_paths()[0].vertices} for c in axes.collections)
    assert {(-45, 57), (-45, 63), (0, 97.5), (0, 98.5), (45, 56.5), (45, 60.5)} <= band
    assert {y for x, y in flat if x == -45} == {39}


def test_title_labels_ticks_and_legend(axes):
    assert axes.get_title(loc="left") == "capsnet is ahead"
    assert axes.get_xlabel() == "degrees"
    assert axes.get_ylabel() == "accuracy on the test images (%)"
    assert list(axes.get_xticks()) == list(X)
    assert axes.get_ylim() == (0, 102)
    assert [text.get_text() for text in axes.get_legend().texts] == ["capsnet", "cnn"]


def test_models_differ_in_colour_and_in_marker(axes):
    looks = {(to_hex(line.get_color()).upper(), line.get_marker()) for line in axes.lines}
    assert looks == {(COLOURS[0], "o"), (COLOURS[1], "s")}


def test_no_model_is_left_out_however_many_there_are():
    curves = {f"model {k}": Spread([k], [0]) for k in range(len(COLOURS) + 3)}
    figure = accuracy_curves([0], curves, title="", xlabel="")
    assert [line.get_label() for line in figure.axes[0].lines] == list(curves)


def test_the_png_shows_the_lines(axes, decode):
    pixels = decode(to_bytes(axes.figure))
    for colour in COLOURS[:2]:
        wanted = [int(colour[k : k + 2], 16) for k in (1, 3, 5)]
        assert (np.abs(pixels.astype(int) - wanted).max(-1) < 8).sum() > 100
