"""Panels of errors: the lines are the numbers, layer by layer."""

from itertools import pairwise
from typing import Any

import pytest

from torchcaps.figures.curves import Spread
from torchcaps.figures.equivariance import equivariance_panels
from torchcaps.figures.style import COLOURS, to_bytes

LAYERS = {"caps": ["image", "stem", "class poses"], "cnn": ["image", "map 1"], "third": ["image"]}
ERRORS = {
    name: {
        move: Spread([0.1 * k + 0.2 * n for n in range(len(layers))], [0.05] * len(layers))
        for k, move in enumerate(("rotation", "shift"))
    }
    for name, layers in LAYERS.items()
}


@pytest.fixture
def figure():
    return equivariance_panels(LAYERS, ERRORS, title="caps misses 40 %")


@pytest.fixture
def axes(figure) -> list[Any]:
    return [each for each in figure.axes if each.get_visible()]


def test_a_panel_a_model_with_its_layers_in_order(figure, axes):
    assert [each.get_title(loc="left") for each in axes] == list(LAYERS)
    labels = [[text.get_text() for text in each.get_xticklabels()] for each in axes]
    assert labels == [["image", "stem", "class\nposes"], ["image", "map 1"], ["image"]]
    assert len(figure.axes) == 4, "three panels and an empty place"


def test_a_line_a_transform_with_its_errors_and_their_spread(axes):
    for panel, lines in zip(axes, ERRORS.values(), strict=True):
        assert len(panel.containers) == 2
        for drawn, wanted, colour in zip(panel.containers, lines.values(), COLOURS, strict=False):
            line, _, (bars,) = drawn.lines
            assert list(line.get_ydata()) == pytest.approx(wanted.mean)
            assert list(line.get_xdata()) == list(range(len(wanted.mean)))
            assert line.get_color() == colour
            for (low, high), value in zip(bars.get_segments(), wanted.mean, strict=True):
                assert (low[1], high[1]) == pytest.approx((value - 0.05, value + 0.05))


def test_title_axes_and_legend(figure, axes):
    assert figure.get_suptitle() == "caps misses 40 %"
    assert figure.get_supylabel() == "error: share of the change that a linear map misses"
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.texts] == ["rotation", "shift"]
    assert all(panel.get_ylim() == (0, 1.08) for panel in axes)


def test_nothing_is_cut_off_and_names_do_not_overlap(figure, decode):
    long = ["image", "stem", "primary capsules", "class poses", "pose of the class"]
    lines = {"rotation": Spread([0.1] * 5, [0] * 5)}
    wide = equivariance_panels({"a": long, "b": long}, {"a": lines, "b": lines}, title="")
    wide.draw_without_rendering()
    panels: list[Any] = wide.axes
    for panel in panels:
        boxes = [text.get_window_extent() for text in panel.get_xticklabels()]
        for left, right in pairwise(boxes):
            assert left.x1 < right.x0
        assert boxes[-1].x1 <= wide.bbox.x1
    assert decode(to_bytes(figure)).std() > 0
