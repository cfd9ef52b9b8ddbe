"""A run, epoch by epoch."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from torchcaps.figures.style import COLOURS, MARKERS, STYLE, headline, new_figure
from torchcaps.training.tasks import score_of

# More epochs than these are a line without a marker at each.
_MARKED = 40


def learning_curve(history: Sequence[Mapping[str, Any]], *, title: str) -> Figure:
    """Training and validation loss against the epoch; beside them the validation accuracy in
    percent (or what epochs are compared by, see `training.tasks.SCORES`) with a ring at the best
    epoch, where there were validation images.

    history: the lines of metrics.jsonl, or the history of `torchcaps.train`.
    """
    tested = any(record["accuracy"] is not None for record in history)
    name = score_of(history[-1])[0] if history else "accuracy"
    with rc_context(STYLE):
        figure = new_figure(9.0 if tested else 5.0, 3.8)
        panels = figure.subplots(1, 2 if tested else 1, squeeze=False)[0]
        _draw(panels[0], history, {"loss": "training", "validation_loss": "validation"})
        panels[0].set(ylabel="loss", ylim=(0, 1.08 * panels[0].dataLim.y1))
        if tested:
            panels[0].legend()
            _draw(panels[1], history, {name: "validation"}, scale=100, look=1)
            panels[1].set(ylabel=f"validation {name.replace('_', ' ')} (%)")
            best = max(history, key=lambda record: record[name] or 0.0)
            panels[1].plot(
                best["epoch"], 100 * best[name],
                marker="o", markersize=13, fillstyle="none", color=COLOURS[1],
            )  # fmt: skip
            label = f"best: {best[name]:.2%}, epoch {best['epoch']}"
            panels[1].set_title(label, fontsize=10, fontweight="normal")
        headline(figure, title)
    return figure


def _draw(
    axes: Axes,
    history: Sequence[Mapping[str, Any]],
    names: Mapping[str, str],
    *,
    scale: float = 1,
    look: int = 0,
) -> None:
    """A line for each of these fields that the epochs have."""
    for number, (name, label) in enumerate(names.items(), look):
        points = [(r["epoch"], scale * r[name]) for r in history if r[name] is not None]
        if points:
            marker = MARKERS[number] if len(points) <= _MARKED else ""
            colour = COLOURS[number]
            axes.plot(*zip(*points, strict=True), color=colour, marker=marker, label=label)
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
