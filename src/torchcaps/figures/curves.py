"""Lines with their spread."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import cycle
from typing import NamedTuple

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from torchcaps.figures.style import COLOURS, MARKERS, STYLE, new_figure


class Spread(NamedTuple):
    """Mean and standard deviation at each x; `sd` is zero where there was one seed."""

    mean: Sequence[float]
    sd: Sequence[float]


def accuracy_curves(
    x: Sequence[float], curves: Mapping[str, Spread], *, title: str, xlabel: str
) -> Figure:
    """Accuracy in percent against `x`, one line a model, a band of one standard deviation."""
    with rc_context(STYLE):
        figure = new_figure(7.2, 4.2)
        axes = figure.add_subplot()
        draw_curves(axes, x, curves)
        axes.set(xlabel=xlabel, ylabel="accuracy on the test images (%)", ylim=(0, 102), xticks=x)
        axes.set_title(title, wrap=True)
        axes.legend()
    return figure


def draw_curves(axes: Axes, x: Sequence[float], curves: Mapping[str, Spread]) -> dict[str, Line2D]:
    """Every curve in a colour and a marker of its own; the lines, for a legend."""
    return {
        name: draw_spread(axes, x, curve, *look, name)
        for (name, curve), look in zip(curves.items(), looks(curves), strict=True)
    }


def looks(names: Iterable[object]) -> list[tuple[str, str]]:
    """A colour and a marker for each."""
    return [(c, m) for _, c, m in zip(names, cycle(COLOURS), cycle(MARKERS), strict=False)]


def draw_spread(
    axes: Axes, x: Sequence[float], curve: Spread, colour: str, marker: str, label: str
) -> Line2D:
    """A line of means and a band of one standard deviation to either side."""
    (line,) = axes.plot(x, curve.mean, color=colour, marker=marker, label=label)
    low = [m - s for m, s in zip(*curve, strict=True)]
    high = [m + s for m, s in zip(*curve, strict=True)]
    axes.fill_between(x, low, high, color=colour, alpha=0.2, linewidth=0)
    return line
