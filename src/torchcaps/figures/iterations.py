"""Accuracy and couplings against the number of routing iterations."""

from collections.abc import Mapping
from itertools import cycle
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from torchcaps.figures.curves import Spread, draw_spread
from torchcaps.figures.style import COLOURS, MARKERS, STYLE, new_figure

_RING: Any = {"marker": "o", "markersize": 13, "fillstyle": "none", "markeredgewidth": 1.6}


def iteration_curves(panels: Mapping[str, Mapping[int, Spread]], *, title: str) -> Figure:
    """Four panels, one a measure: `panels[measure][R]` at 1, 2, ... iterations, a line for every
    number R of iterations in training, ringed where the test has as many."""
    with rc_context(STYLE):
        figure = new_figure(9.8, 7.8)
        every = figure.subplots(2, 2, sharex=True)
        lines = {}
        for axes, (measure, curves) in zip(every.flat, panels.items(), strict=True):
            for (trained, curve), colour, marker in zip(
                curves.items(), cycle(COLOURS), cycle(MARKERS), strict=False
            ):
                x = range(1, len(curve.mean) + 1)
                draw_spread(axes, x, curve, colour, marker, f"trained with {trained}")
                lines[trained] = axes.lines[-1]
                axes.plot(trained, curve.mean[trained - 1], **_RING, color=colour)
                axes.set_xticks(x)
            axes.set_ylabel(measure)
        for axes in every[-1]:
            axes.set_xlabel("routing iterations in the test")
        figure.suptitle(
            title, x=0.01, ha="left", fontsize=STYLE["axes.titlesize"], fontweight="bold"
        )
        ring = Line2D([], [], **_RING, color="0.4", linestyle="none", label="tested as trained")
        handles = [*lines.values(), ring]
        figure.legend(handles=handles, loc="outside lower center", ncols=4)
    return figure
