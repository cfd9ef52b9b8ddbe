"""Curves over iterations: the lines are the numbers, and rings mark what was trained."""

from typing import Any

import pytest

from torchcaps.figures.curves import Spread
from torchcaps.figures.iterations import iteration_curves
from torchcaps.figures.style import COLOURS, MARKERS, to_bytes

PANELS = {
    name: {1: Spread([k, k + 1, k + 2], [0, 1, 2]), 3: Spread([k, k - 1, k - 4], [0, 0, 0])}
    for k, name in enumerate(("accuracy", "entropy", "polarisation", "dynamism"))
}


@pytest.fixture
def figure():
    return iteration_curves(PANELS, title="the most with 1")


@pytest.fixture
def axes(figure) -> list[Any]:
    return figure.axes


def test_a_panel_a_measure_with_a_line_for_every_number_in_training(axes):
    assert [each.get_title(loc="left") for each in axes] == list(PANELS)
    for each, curves in zip(axes, PANELS.values(), strict=True):
        drawn = {line.get_label(): line for line in each.lines[:2]}
        assert list(drawn) == ["trained with 1", "trained with 3"]
        for line, curve in zip(drawn.values(), curves.values(), strict=True):
            assert list(line.get_xdata()) == [1, 2, 3]
            assert list(line.get_ydata()) == curve.mean


def test_the_bands_are_the_spread(axes):
    for k, each in enumerate(axes):
        corners = {tuple(point) for point in each.collections[0].get_paths()[0].vertices}
        assert {(1, k), (2, k), (2, k + 2), (3, k), (3, k + 4)} <= corners


def test_rings_mark_the_test_with_as_many_iterations_as_in_training(axes):
    for k, each in enumerate(axes):
        one, three = each.lines[2:]
        assert (one.get_xydata().tolist(), three.get_xydata().tolist()) == ([[1, k]], [[3, k - 4]])
        assert {one.get_fillstyle(), three.get_fillstyle()} == {"none"}
        assert one.get_color() == each.lines[0].get_color() != three.get_color()


def test_title_axes_and_legend(figure, axes):
    assert figure.get_suptitle() == "the most with 1"
    assert [each.get_xlabel() for each in axes[2:]] == ["routing iterations in the test"] * 2
    assert list(axes[3].get_xticks()) == [1, 2, 3]
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.texts] == [
        "trained with 1", "trained with 3", "tested as trained",
    ]  # fmt: skip


def test_lines_differ_in_colour_and_marker_and_none_is_left_out():
    many = {r: Spread([0] * 10, [0] * 10) for r in range(1, len(COLOURS) + 3)}
    figure = iteration_curves(dict.fromkeys("abcd", many), title="")
    axes: list[Any] = figure.axes
    looks = [(line.get_color(), line.get_marker()) for line in axes[0].lines[: len(many)]]
    assert len(looks) == len(many)
    assert looks[:2] == [(COLOURS[0], MARKERS[0]), (COLOURS[1], MARKERS[1])]
    figure.draw_without_rendering()
    legend = figure.legends[0].get_window_extent()
    assert 0 <= legend.x0 < legend.x1 <= figure.bbox.x1, "cut off"


def test_the_png_shows_both_lines(figure, decode):
    pixels = decode(to_bytes(figure)).astype(int)
    for colour in COLOURS[:2]:
        wanted = [int(colour[k : k + 2], 16) for k in (1, 3, 5)]
        assert (abs(pixels - wanted).max(-1) < 8).sum() > 200
