"""Pairs stand where they belong, lines are the numbers they were given, and looks are kept."""

import numpy as np
import pytest
import torch
from matplotlib.colors import to_hex

from torchcaps.figures.curves import Spread
from torchcaps.figures.detection import Line, Pair, pair_rows, rate_panels
from torchcaps.figures.style import COLOURS, MARKERS, to_bytes

X = [0, 5, 10, 15]
PANELS = {
    "left": {"a": Line(0, Spread([90, 60, 30, 0], [1, 2, 3, 0])), "b": Line(2, Spread(X, [0] * 4))},
    "right": {"c": Line(3, Spread([9, 8, 7, 6], [0] * 4)), "a": Line(0, Spread(X, [0] * 4))},
}


@pytest.fixture
def panels():
    return rate_panels(X, PANELS, title="T", xlabel="x", ylabel="y", every_nth=2)


@pytest.fixture
def pairs():
    torch.manual_seed(0)
    made = [
        Pair(torch.rand(1, 4, 4), torch.rand(1, 4, 4), f"words {k}", k in (1, 5)) for k in range(6)
    ]
    return {"clean": made[:3], "strange": made[3:]}


def test_a_panel_a_name_with_a_line_for_every_curve(panels):
    for axes, (name, lines) in zip(panels.axes, PANELS.items(), strict=True):
        assert axes.get_title(loc="left") == name
        drawn = {line.get_label(): line for line in axes.lines}
        assert list(drawn) == list(lines)
        for label, (look, curve) in lines.items():
            assert drawn[label].get_xydata().tolist() == [
                [*p] for p in zip(X, curve.mean, strict=True)
            ]
            assert drawn[label].get_color() == COLOURS[look]
            assert drawn[label].get_marker() == MARKERS[look]
            assert drawn[label].get_markevery() == 2
    band = {tuple(p) for p in panels.axes[0].collections[0].get_paths()[0].vertices}
    assert {(0, 89), (0, 91), (5, 58), (5, 62), (10, 27), (10, 33)} <= band


def test_titles_axes_and_one_legend_for_all(panels):
    left, right = panels.axes
    assert panels.get_suptitle() == "T"
    assert [left.get_xlabel(), right.get_xlabel()] == ["x", "x"]
    assert left.get_ylabel() == "y"
    assert left.get_ylim() == right.get_ylim() == (-2, 102)
    assert list(left.get_xticks()) == [0, 10]
    (legend,) = panels.legends
    assert [text.get_text() for text in legend.texts] == ["a", "b", "c"]
    panels.draw_without_rendering()
    box = legend.get_window_extent()
    assert 0 <= box.x0 < box.x1 <= panels.bbox.x1, "cut off"


def test_a_look_beyond_the_last_begins_anew():
    many = {str(k): Line(k, Spread([k], [0])) for k in range(len(COLOURS) + 2)}
    figure = rate_panels([0], {"": many}, title="", xlabel="", ylabel="")
    lines = figure.axes[0].lines
    assert len(lines) == len(many)
    assert lines[-1].get_color() == COLOURS[1]


def test_drawings_stand_to_the_right_of_their_images_and_rows_below_rows(pairs):
    (axes,) = pair_rows(pairs, title="T", legend="L").axes
    shown = [pair for row in pairs.values() for pair in row]
    places = [image.get_extent() for image in axes.images]
    for k, pair in enumerate(shown):
        image, drawn = axes.images[2 * k : 2 * k + 2]
        assert np.array_equal(np.asarray(image.get_array())[..., 0], pair.image[0])
        assert np.array_equal(np.asarray(drawn.get_array())[..., 0], pair.drawn[0])
        assert places[2 * k][1] <= places[2 * k + 1][0] < places[2 * k][1] + 0.1
    assert places[0][0] < places[2][0] < places[4][0]
    assert places[6][0] == places[0][0]
    assert places[6][3] > places[0][2], "the second row is below the first, y being down"
    middles = [(places[k][2] + places[k][3]) / 2 for k in (0, 6)]
    assert list(axes.get_yticks()) == middles
    assert [text.get_text() for text in axes.get_yticklabels()] == ["clean", "strange"]
    assert (axes.get_title(loc="left"), axes.get_xlabel()) == ("T", "L")


def test_words_stand_below_their_pair_and_alarms_are_framed(pairs):
    (axes,) = pair_rows(pairs, title="", legend="").axes
    shown = [pair for row in pairs.values() for pair in row]
    assert [text.get_text() for text in axes.texts] == [pair.words for pair in shown]
    for k, (text, pair) in enumerate(zip(axes.texts, shown, strict=True)):
        left, _, bottom, _ = axes.images[2 * k].get_extent()
        x, y = text.get_position()
        assert left < x < left + 2.1
        assert bottom < y < bottom + 0.5
        assert (text.get_bbox_patch() is not None) == pair.alarmed
        assert to_hex(text.get_color()).upper() == COLOURS[1 if pair.alarmed else -1]


def test_colour_pictures_keep_their_colours():
    image = torch.rand(3, 5, 4)
    (axes,) = pair_rows({"": [Pair(image, image, "", False)]}, title="", legend="").axes
    assert np.array_equal(np.asarray(axes.images[0].get_array()), image.permute(1, 2, 0))


def test_the_pngs_show_lines_and_pictures_and_nothing_is_cut_off(panels, pairs, decode):
    pixels = decode(to_bytes(panels)).astype(int)
    for colour in (COLOURS[0], COLOURS[2], COLOURS[3]):
        wanted = [int(colour[k : k + 2], 16) for k in (1, 3, 5)]
        assert (abs(pixels - wanted).max(-1) < 8).sum() > 100
    picture = decode(to_bytes(pair_rows(pairs, title="T", legend="L")))
    edge = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
    assert (edge == 255).all()
    assert picture.std() > 20
