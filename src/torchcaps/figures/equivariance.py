"""What a linear map misses of the change, layer by layer."""

from collections.abc import Mapping, Sequence
from itertools import cycle
from math import ceil

from matplotlib import rc_context
from matplotlib.figure import Figure

from torchcaps.figures.curves import Spread
from torchcaps.figures.style import COLOURS, MARKERS, STYLE, headline, new_figure


def equivariance_panels(
    layers: Mapping[str, Sequence[str]],
    errors: Mapping[str, Mapping[str, Spread]],
    *,
    title: str,
) -> Figure:
    """A panel for each model: the error of every layer, a line for every transform.

    layers: `layers[model]`, in order. errors: `errors[model][transform]`, at every layer; bars are
    one standard deviation to either side.
    """
    with rc_context(STYLE):
        rows = ceil(len(errors) / 2)
        figure = new_figure(9.8, 3.6 * rows + 0.9)
        every = list(figure.subplots(rows, 2, sharey=True, squeeze=False).flat)
        handles = {}
        for axes, (model, lines) in zip(every, errors.items(), strict=False):
            x = range(len(layers[model]))
            for (transform, line), colour, marker in zip(
                lines.items(), cycle(COLOURS), cycle(MARKERS), strict=False
            ):
                look = {"color": colour, "marker": marker, "capsize": 3}
                handles[transform] = axes.errorbar(x, line.mean, line.sd, **look)
            axes.axhline(1, color="0.5", linewidth=1, linestyle=":")
            axes.set_xticks(x, [_folded(name) for name in layers[model]], fontsize=9)
            axes.set_ylim(0, 1.08)
            axes.set_title(model, fontsize=11)
        for axes in every[len(errors) :]:
            axes.set_visible(False)
        figure.supylabel("error: share of the change that a linear map misses", fontsize=11)
        headline(figure, title)
        figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=4)
    return figure


def _folded(name: str) -> str:
    return name if len(name) < 8 else name.replace(" ", "\n", 1)
