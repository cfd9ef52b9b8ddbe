"""Accuracy and scores against several transforms, side by side."""

from collections.abc import Mapping
from itertools import cycle
from statistics import mean

from matplotlib import rc_context
from matplotlib.figure import Figure

from torchcaps.analysis.metrics import spread
from torchcaps.analysis.robustness.transform_robustness import TRANSFORMS, Measure, TransformCurve
from torchcaps.figures.curves import Spread, draw_spread
from torchcaps.figures.style import COLOURS, MARKERS, STYLE, new_figure

_ROWS: tuple[tuple[Measure, str, float], ...] = (
    ("accuracy", "accuracy (%)", 102),
    ("score", "true class: its length\nor probability", 1.02),
)


def transform_curves(panels: Mapping[str, Mapping[str, TransformCurve]]) -> Figure:
    """A column a transform: above the accuracy, below the mean score of the true class.

    panels: `panels[transform][model]`; the models are the same in all.
    """
    with rc_context(STYLE):
        figure = new_figure(2.7 * len(panels) + 0.6, 5.6)
        axes = figure.subplots(2, len(panels), sharex="col", sharey="row", squeeze=False)
        for column, (transform, curves) in enumerate(panels.items()):
            for (what, _, top), row in zip(_ROWS, axes[:, column], strict=True):
                for (name, curve), colour, marker in zip(
                    curves.items(), cycle(COLOURS), cycle(MARKERS), strict=False
                ):
                    over_seeds = Spread(curve.mean(what), curve.sd(what))
                    draw_spread(row, curve.amounts, over_seeds, colour, marker, name)
                row.set(ylim=(0, top))
            axes[0, column].set_title(transform, fontweight="normal")
            axes[1, column].set_xlabel(TRANSFORMS[transform].axis, wrap=True)
        for (_, label, _), row in zip(_ROWS, axes[:, 0], strict=True):
            row.set_ylabel(label)
        figure.suptitle(
            finding(panels), x=0.01, ha="left", fontsize=STYLE["axes.titlesize"], fontweight="bold"
        )
        handles, names = axes[0, 0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside lower center", ncols=len(names))
    return figure


def finding(panels: Mapping[str, Mapping[str, TransformCurve]]) -> str:
    """Who is ahead under each transform, by the accuracy averaged over its amounts."""
    ahead = ", ".join(f"{name} {_ahead(curves) or 'nobody'}" for name, curves in panels.items())
    several = all(len(c.tests) > 1 for curves in panels.values() for c in curves.values())
    if several:
        return f"Ahead on average by more than the spread over seeds:\n{ahead}"
    return f"Ahead on average (one seed, no spread):\n{ahead}"


def _ahead(curves: Mapping[str, TransformCurve]) -> str | None:
    """The model that is ahead of every other by more than the larger of both spreads."""
    averages = {name: _averages(curve) for name, curve in curves.items()}
    best = max(averages, key=lambda name: mean(averages[name]))
    for name, other in averages.items():
        margin = max(spread(averages[best]), spread(other))
        if name != best and mean(averages[best]) - mean(other) <= margin:
            return None
    return best


def _averages(curve: TransformCurve) -> list[float]:
    """Accuracy over all amounts, one a seed."""
    amounts = [curve.seeds(k) for k in range(len(curve.amounts))]
    return [mean(seed) for seed in zip(*amounts, strict=True)]
