"""Bars of R²: as high as the numbers, grey where no model reads."""

from itertools import pairwise
from typing import Any

import pytest
from matplotlib.colors import to_hex

from torchcaps.figures.curves import Spread
from torchcaps.figures.probes import CONTROL, probe_bars
from torchcaps.figures.style import COLOURS

QUANTITIES = {"digits": ["rotation", "scale", "shear"], "faces": ["rotation", "thickness"]}
READERS = ("caps", "cnn", "pixels", "shuffled")
BARS = {
    data: {
        name: Spread([0.9 - 0.3 * k - 0.01 * n for n in range(len(names))], [0.02] * len(names))
        for k, name in enumerate(READERS)
    }
    for data, names in QUANTITIES.items()
}


@pytest.fixture
def figure():
    controls = ("pixels", "shuffled")
    return probe_bars(QUANTITIES, BARS, title="caps tells more", controls=controls)


@pytest.fixture
def axes(figure) -> list[Any]:
    return figure.axes


def bars(panel):
    return [c for c in panel.containers if type(c).__name__ == "BarContainer"]


def test_a_panel_a_data_set_with_its_quantities(axes):
    assert [panel.get_title(loc="left") for panel in axes] == list(QUANTITIES)
    for panel, names in zip(axes, QUANTITIES.values(), strict=True):
        assert [text.get_text() for text in panel.get_xticklabels()] == names


def test_bars_are_the_numbers_and_stand_side_by_side_at_their_quantity(axes):
    for panel, readers in zip(axes, BARS.values(), strict=True):
        for drawn, wanted in zip(bars(panel), readers.values(), strict=True):
            assert [bar.get_height() for bar in drawn] == pytest.approx(wanted.mean)
            (lines,) = drawn.errorbar.lines[2]
            for (low, high), value in zip(lines.get_segments(), wanted.mean, strict=True):
                assert (low[1], high[1]) == pytest.approx((value - 0.02, value + 0.02))
        for quantity in range(len(QUANTITIES["faces"])):
            edges = [
                (bar.get_x(), bar.get_x() + bar.get_width())
                for drawn in bars(panel)
                for bar in [drawn[quantity]]
            ]
            assert quantity - 0.5 < edges[0][0]
            assert edges[-1][1] < quantity + 0.5
            for left, right in pairwise(edges):
                assert left[1] == pytest.approx(right[0])


def test_models_have_colours_and_controls_are_grey_and_told_apart(axes):
    for panel in axes:
        caps, cnn, pixels, shuffled = (drawn[0] for drawn in bars(panel))
        assert [to_hex(bar.get_facecolor()).upper() for bar in (caps, cnn)] == list(COLOURS[:2])
        assert {bar.get_facecolor()[:3] for bar in (pixels, shuffled)} == {(float(CONTROL),) * 3}
        assert (pixels.get_hatch(), shuffled.get_hatch()) == (None, "//")


def test_title_axes_and_legend(figure, axes):
    assert figure.get_suptitle() == "caps tells more"
    assert figure.get_supylabel() == "R² on images not fitted on"
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.texts] == list(READERS)
    figure.draw_without_rendering()
    assert 0 <= legend.get_window_extent().x0 < legend.get_window_extent().x1 <= figure.bbox.x1
    for panel in axes:
        assert panel.get_ylim()[1] == 1
        assert panel.get_ylim()[0] < 0, "bars below 0 are shown"
