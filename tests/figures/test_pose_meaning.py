"""Drawings and slopes in the same rows, and a title from the numbers."""

from typing import Any

import numpy as np
import pytest
import torch

from torchcaps.analysis.pose.perturbation import Perturbation
from torchcaps.analysis.pose.pose_meaning import PoseMeaning
from torchcaps.analysis.pose.shape import QUANTITIES
from torchcaps.figures.pose_meaning import finding, pose_meaning_figure
from torchcaps.figures.style import to_bytes

DIMS, OFFSETS = 3, (-0.25, 0.0, 0.1, 0.25)


def meaning(moves, fits=1.0):
    """Slopes of 0 but for these: (dimension, quantity) to its own."""
    slopes = torch.zeros(DIMS, len(QUANTITIES))
    for (dim, quantity), value in moves.items():
        slopes[dim, QUANTITIES.index(quantity)] = value
    return PoseMeaning(
        7 * slopes,
        slopes,
        0 * slopes,
        torch.full_like(slopes, fits),
        40,
    )


MEANING = meaning({(0, "x"): 0.5, (0, "slant"): -0.9, (1, "ink"): 0.31, (2, "y"): 0.05})


@pytest.fixture
def moved():
    torch.manual_seed(0)
    return Perturbation(torch.rand(DIMS, len(OFFSETS), 1, 5, 4), OFFSETS, 7)


@pytest.fixture
def figure(moved):
    return pose_meaning_figure(moved, MEANING, "seven")


@pytest.fixture
def axes(figure) -> list[Any]:
    return figure.axes


def test_every_drawing_is_in_the_row_of_its_dimension(axes, moved):
    left = axes[0]
    (shown,) = left.images
    sheet = np.asarray(shown.get_array())
    for d in range(DIMS):
        for k in range(len(OFFSETS)):
            cell = sheet[6 * d : 6 * d + 5, 5 * k : 5 * k + 4]
            np.testing.assert_array_equal(cell[..., 0], moved.images[d, k, 0])
    assert [text.get_text() for text in left.get_yticklabels()] == ["dim 0", "dim 1", "dim 2"]
    ticks = dict(zip(left.get_xticks(), left.get_xticklabels(), strict=True))
    assert {k: text.get_text() for k, text in ticks.items()} == {0: "-0.25", 1: "0", 3: "+0.25"}


def test_every_slope_is_in_the_row_of_its_dimension(axes):
    left, right = axes[:2]
    (shown,) = right.images
    assert np.array_equal(shown.get_array(), MEANING.standardised)
    assert shown.get_clim() == pytest.approx((-0.9, 0.9)), "0 is in the middle"
    assert [text.get_text() for text in right.get_xticklabels()] == list(QUANTITIES)
    assert left.get_ylim() == right.get_ylim() == (DIMS - 0.5, -0.5)


@pytest.mark.parametrize(("fits", "mark"), [(0.95, ""), (0.5, "~")])
def test_slopes_worth_a_look_are_written_and_marked_where_no_line_fits(moved, fits, mark):
    moves = {(0, "x"): 0.5, (2, "slant"): -0.9, (1, "y"): 0.05}
    right: Any = pose_meaning_figure(moved, meaning(moves, fits), "seven").axes[1]
    written = {(text.get_position()): text.get_text() for text in right.texts}
    assert written == {
        (QUANTITIES.index("x"), 0): f"{mark}+0.5",
        (QUANTITIES.index("slant"), 2): f"{mark}-0.9",
    }


def test_the_title_has_the_strongest_move_and_counts_those_that_move_several(figure):
    assert (
        figure.get_suptitle()
        == finding(MEANING, "seven")
        == (
            "'seven': dimension 0 changes slant most (-0.90 sd for one sd of its own, R² 1.00);\n"
            "1 of 3 dimensions changes more than one quantity by 0.3 sd or more (40 images)"
        )
    )
    alone = finding(meaning({(1, "ink"): 0.4}, 0.25), "5")
    assert "dimension 1 changes ink most (+0.40 sd for one sd of its own, R² 0.25);" in alone
    assert "\n0 of 3 dimensions change more than one" in alone


def test_a_pose_that_moves_nothing_is_drawn_all_the_same(moved, decode):
    assert decode(to_bytes(pose_meaning_figure(moved, meaning({}), "seven"))).size > 0


def test_the_png_shows_both_sides_and_nothing_is_cut_off(figure, decode):
    pixels = decode(to_bytes(figure)).astype(int)
    coloured = pixels.max(-1) - pixels.min(-1) > 100
    assert coloured.sum() > 500
    for edge in (pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]):
        assert (edge == 255).all()
