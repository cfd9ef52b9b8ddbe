"""What images of each class are taken for."""

from collections.abc import Sequence

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure

from torchcaps.figures.style import STYLE, bare, headline, new_figure

_NUMBERED = 24  # classes whose counts can be read
_NAMED = 60  # classes whose names can be read
_DARK = 0.55  # the share from which on white letters are read better


def confusion_matrix(
    counts: Sequence[Sequence[int]], classes: Sequence[str], *, title: str
) -> Figure:
    """Rows are true classes, columns what they were taken for. A cell is as dark as its share of
    the row and has its number of images, 0 left out; of many classes the colours alone."""
    table = np.asarray(counts)
    shares = table / np.maximum(table.sum(1, keepdims=True), 1)
    size = max(4.5, 0.45 * min(len(classes), _NAMED) + 2)
    with rc_context({**STYLE, "axes.grid": False}):
        figure = new_figure(size + 0.6, size)
        axes = figure.subplots()
        drawn = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        if len(classes) <= _NUMBERED:
            for row, column in zip(*table.nonzero(), strict=True):
                colour = "white" if shares[row, column] > _DARK else "black"
                axes.text(
                    column, row, f"{table[row, column]}",
                    ha="center", va="center", fontsize=8, color=colour,
                )  # fmt: skip
        ticks = range(len(classes)) if len(classes) <= _NAMED else []
        axes.set_xticks(ticks, [classes[k] for k in ticks], rotation=90)
        axes.set_yticks(ticks, [classes[k] for k in ticks])
        axes.set(xlabel="taken for", ylabel="class")
        bare(axes)
        figure.colorbar(drawn, ax=axes, shrink=0.8, label="share of the class")
        headline(figure, title)
    return figure
