"""Routing algorithms side by side: accuracies as dots, times as bars."""

from collections.abc import Mapping, Sequence

from matplotlib import rc_context
from matplotlib.figure import Figure

from torchcaps.figures.curves import Spread, looks
from torchcaps.figures.style import COLOURS, STYLE, headline, new_figure


def routings_figure(
    names: Sequence[str],
    accuracies: Mapping[str, Spread],
    milliseconds: Spread,
    *,
    control: str,
    title: str,
) -> Figure:
    """A row a routing. Left, its accuracy in every test with a bar of one standard deviation, and
    a line at that of `control`, which is one of `names`; right, the time of a training step.

    accuracies: of all routings, by the name of the test; in percent.
    """
    rows, at = range(len(names)), names.index(control)
    with rc_context(STYLE):
        figure = new_figure(7.6, 0.34 * len(names) + 1.9)
        left, right = figure.subplots(1, 2, sharey=True, width_ratios=(2.6, 1))
        for (test, found), (colour, marker) in zip(
            accuracies.items(), looks(accuracies), strict=True
        ):
            left.axvline(found.mean[at], color=colour, linestyle=":", linewidth=1)
            left.errorbar(
                found.mean, rows, xerr=found.sd, color=colour, marker=marker, linestyle="none",
                capsize=2, label=test,
            )  # fmt: skip
        right.barh(rows, milliseconds.mean, 0.55, xerr=milliseconds.sd, color=COLOURS[4])
        left.set_yticks(rows, names)
        left.set_xlabel("accuracy on the test images (%)")
        right.set_xlabel("training step (ms)")
        left.invert_yaxis()
        headline(figure, title)
        figure.legend(loc="outside lower center", ncols=len(accuracies))
    return figure
