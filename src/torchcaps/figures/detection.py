"""Attacked images with what is drawn of them, and rates as an attack or an alarm is turned up."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from torchcaps.figures.curves import Spread, draw_spread
from torchcaps.figures.images import draw_image, pixels
from torchcaps.figures.style import COLOURS, MARKERS, STYLE, bare, headline, new_figure

_CELL = 0.72  # inches of an image's side
_WIDE, _HIGH = 2.3, 1.62  # of a pair of images with the words below it, in sides of an image


class Pair(NamedTuple):
    """An image, what the winning class draws, and a line of words; alarmed: whether in red."""

    image: Tensor
    drawn: Tensor
    words: str
    alarmed: bool


class Line(NamedTuple):
    """A curve of a panel. look: its place among the colours and markers."""

    look: int
    curve: Spread


def pair_rows(rows: Mapping[str, Sequence[Pair]], *, title: str, legend: str) -> Figure:
    """Rows of images `[C, H, W]` in [0, 1], each beside its reconstruction, its words below; the
    words of those that raised the alarm are red, in a frame."""
    count = max(map(len, rows.values()))
    with rc_context({**STYLE, "axes.grid": False}):
        figure = new_figure(_CELL * count * _WIDE + 1.4, _CELL * len(rows) * _HIGH + 1.1)
        axes = figure.add_subplot()
        for r, pairs in enumerate(rows.values()):
            for n, pair in enumerate(pairs):
                _draw_pair(axes, pair, n * _WIDE, r * _HIGH)
        axes.set(xlim=(-0.02, count * _WIDE), ylim=(len(rows) * _HIGH, -0.02), xticks=[])
        axes.set_yticks([r * _HIGH + 0.5 for r in range(len(rows))], list(rows))
        bare(axes)
        axes.set_xlabel(legend)
        axes.set_title(title, wrap=True)
    return figure


def rate_panels(
    x: Sequence[float],
    panels: Mapping[str, Mapping[str, Line]],
    *,
    title: str,
    xlabel: str,
    ylabel: str,
    every_nth: int = 1,
) -> Figure:
    """Rates in percent against `x`, a panel for each name, a line for each of its curves with a
    band of one standard deviation. A line has the same look in every panel; every nth point has a
    marker and a tick."""
    with rc_context(STYLE):
        figure = new_figure(4.6 * len(panels) + 2.6 * (len(panels) == 1), 4.8)
        every = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
        looks = {}
        for axes, (name, lines) in zip(every, panels.items(), strict=True):
            for label, (look, curve) in lines.items():
                colour, marker = COLOURS[look % len(COLOURS)], MARKERS[look % len(MARKERS)]
                draw_spread(axes, x, curve, colour, marker, label)
                axes.lines[-1].set_markevery(every_nth)
                looks[label] = axes.lines[-1]
            axes.set(xlabel=xlabel, ylim=(-2, 102), xticks=x[::every_nth])
            axes.set_title(name, fontweight="normal", fontsize=STYLE["font.size"])
        every[0].set_ylabel(ylabel)
        figure.legend(handles=[*looks.values()], loc="outside lower center", ncols=3)
        headline(figure, title)
    return figure


def _draw_pair(axes: Axes, pair: Pair, left: float, top: float) -> None:
    for k, image in enumerate((pair.image, pair.drawn)):
        draw_image(axes, pixels(image), left + 1.03 * k, top)
    frame = {"boxstyle": "square,pad=0.25", "fill": False, "edgecolor": COLOURS[1]}
    axes.text(
        left + 1.015,
        top + 1.06 + 0.2,
        pair.words,
        fontsize=8.5,
        ha="center",
        va="center",
        color=COLOURS[1] if pair.alarmed else COLOURS[-1],
        bbox=frame if pair.alarmed else None,
    )
