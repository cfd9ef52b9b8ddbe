"""Accuracy and scores against several transforms, side by side."""

from collections.abc import Mapping
from statistics import mean

from matplotlib import rc_context
from matplotlib.figure import Figure

from torchcaps.analysis.metrics import spread
from torchcaps.analysis.robustness.transform_robustness import TRANSFORMS, Measure, TransformCurve
from torchcaps.figures.curves import Spread, draw_curves
from torchcaps.figures.style import STYLE, headline, new_figure

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
        lines = {}
        for column, (transform, curves) in zip(axes.T, panels.items(), strict=True):
            amounts = next(iter(curves.values())).amounts
            for (what, _, top), row in zip(_ROWS, column, strict=True):
                spreads = {
                    n: Spread(curve.mean(what), curve.sd(what)) for n, curve in curves.items()
                }
                lines = draw_curves(row, amounts, spreads)
                row.set(ylim=(0, top))
            column[0].set_title(transform, fontweight="normal")
            column[1].set_xlabel(TRANSFORMS[transform].axis, wrap=True)
        for (_, label, _), row in zip(_ROWS, axes[:, 0], strict=True):
            row.set_ylabel(label)
        headline(figure, finding(panels))
        figure.legend(handles=[*lines.values()], loc="outside lower center", ncols=len(lines))
    return figure


def finding(panels: Mapping[str, Mapping[str, TransformCurve]]) -> str:
    """The model that is ahead under each transform, by the accuracy averaged over its amounts."""
    ahead = ", ".join(f"{name}: {_ahead(curves) or 'none'}" for name, curves in panels.items())
    several = all(len(c.tests) > 1 for curves in panels.values() for c in curves.values())
    rule = "by more than the spread over seeds" if several else "one seed, no spread"
    return f"Highest accuracy on average ({rule}):\n{ahead}"


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
