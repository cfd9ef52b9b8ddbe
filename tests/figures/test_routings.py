"""Accuracies and times of routings are drawn as they are, a row each."""

import numpy as np
import pytest
from matplotlib.container import ErrorbarContainer
from matplotlib.patches import Rectangle

from torchcaps.figures.curves import Spread
from torchcaps.figures.routings import routings_figure

NAMES = ["dynamic", "em", "uniform"]
ACCURACIES = {
    "upright": Spread([98.0, 97.0, 99.0], [0.5, 0.1, 0.2]),
    "moved": Spread([50.0, 60.0, 55.0], [0.0, 2.0, 1.0]),
}


@pytest.fixture
def panels():
    times = Spread([5.0, 20.0, 4.0], [0.0, 1.0, 0.5])
    figure = routings_figure(NAMES, ACCURACIES, times, control="uniform", title="Who is ahead")
    return figure.axes


def test_every_accuracy_is_a_dot_in_its_row_with_its_spread(panels):
    left, _ = panels
    assert [label.get_text() for label in left.get_yticklabels()] == NAMES
    drawn = [c for c in left.containers if isinstance(c, ErrorbarContainer)]
    for found, (label, wanted) in zip(drawn, ACCURACIES.items(), strict=True):
        dots, _, (bars,) = found.lines
        assert found.get_label() == label
        assert np.asarray(dots.get_xdata()).tolist() == wanted.mean
        assert np.asarray(dots.get_ydata()).tolist() == [0, 1, 2]
        widths = [np.ptp(segment[:, 0]) / 2 for segment in bars.get_segments()]
        assert widths == pytest.approx(wanted.sd)


def test_lines_stand_at_the_control(panels):
    left, _ = panels
    lines = [line for line in left.lines if line.get_linestyle() == ":"]
    assert [line.get_xdata()[0] for line in lines] == [99.0, 55.0]


def test_times_are_bars(panels):
    _, right = panels
    widths = [bar.get_width() for bar in right.patches if isinstance(bar, Rectangle)]
    assert widths == [5.0, 20.0, 4.0]
