"""Accuracy and couplings against the number of routing iterations."""

from collections.abc import Mapping
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from torchcaps.figures.curves import Spread, draw_curves
from torchcaps.figures.style import STYLE, headline, new_figure

_RING: Any = {"marker": "o", "markersize": 13, "fillstyle": "none", "markeredgewidth": 1.6}


def iteration_curves(panels: Mapping[str, Mapping[int, Spread]], *, title: str) -> Figure:
    """Four panels, one a measure: `panels[measure][R]` at 1, 2, ... iterations, a line for every
    number R of iterations in training, with a ring at the test that has as many."""
    with rc_context(STYLE):
        figure = new_figure(7.6, 6.8)
        every = figure.subplots(2, 2, sharex=True)
        lines = {}
        for axes, (measure, curves) in zip(every.flat, panels.items(), strict=True):
            x = range(1, 1 + max(len(curve.mean) for curve in curves.values()))
            named = {f"trained with {trained}": curve for trained, curve in curves.items()}
            lines = draw_curves(axes, x, named)
            for (trained, curve), line in zip(curves.items(), lines.values(), strict=True):
                axes.plot(trained, curve.mean[trained - 1], **_RING, color=line.get_color())
            axes.set_xticks(x)
            axes.set_title(measure, fontsize=10, fontweight="normal")
        for axes in every[-1]:
            axes.set_xlabel("routing iterations in the test")
        headline(figure, title)
        ring = Line2D([], [], **_RING, color="0.4", linestyle="none", label="tested as trained")
        figure.legend(handles=[*lines.values(), ring], loc="outside lower center", ncols=3)
    return figure
