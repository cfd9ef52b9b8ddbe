"""A face and its scrambled twin, pooled again and again, and what that leaves of their distance."""

from collections.abc import Mapping, Sequence
from itertools import cycle

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from torch import Tensor

from torchcaps.analysis.pooling import POOLS, PoolingMeasures
from torchcaps.figures.style import COLOURS, MARKERS, STYLE, new_figure

# In the words of the figure. What is not here is called as in the measures.
_WORDS = {
    "image": "pixels",
    "maps": "first maps",
    "1 pool": "after 1 max-pool",
    "2 pools": "after 2 max-pools",
    "3 pools": "after 3 max-pools",
    "global pool": "pooled globally",
    "pool 2": "its own 2nd max-pool",
    "pool": "its own average pool",
    "penultimate": "last before the scores",
    "class poses": "class capsules",
}
# The first is that after 1 max-pool again, the second lies between two that are shown.
_LEFT_OUT = ("pool 1", "map 2")


def pooling_figure(
    pair: Mapping[str, Tensor], measures: Mapping[str, PoolingMeasures], *, twin: str
) -> Figure:
    """Above, the `pooled_pair` of the first model; below, the measures of all models: what
    scrambling and what moving to the right changes in each representation.

    twin: the kind of the twin that is shown; the measures are means over all kinds.
    """
    with rc_context({**STYLE, "axes.grid": False}):
        figure = new_figure(10.5, 8.2)
        above, below = figure.subfigures(2, 1, height_ratios=(1, 1.25), squeeze=False)[:, 0]
        _draw_pair(above, pair, twin, next(iter(measures)))
        left, right = below.subplots(1, 2, sharey=True)
        _draw_dots(left, measures)
        _draw_shifts(right, measures)
        above.suptitle(
            finding(measures), x=0.01, ha="left", fontsize=STYLE["axes.titlesize"],
            fontweight="bold",
        )  # fmt: skip
        handles, names = left.get_legend_handles_labels()
        below.legend(handles, names, loc="outside lower center", ncols=len(names))
    return figure


def finding(measures: Mapping[str, PoolingMeasures]) -> str:
    """What pooling leaves of the first model's first maps, and how far the last layers are."""
    model, first = next(iter(measures.items()))
    apart = first.scrambled()
    three, globally = (100 * apart[name] / apart["maps"] for name in ("3 pools", "global pool"))
    last = ", ".join(
        f"{list(found.scrambled().values())[-1]:.2f} in {name}" for name, found in measures.items()
    )
    return (
        f"3 max-pools leave {three:.0f} % of the distance between faces and scrambled twins in the "
        f"first maps of {model},\nglobal pooling {globally:.0f} %. In the last layer it is {last}"
    )


def _draw_pair(figure: SubFigure, pair: Mapping[str, Tensor], twin: str, model: str) -> None:
    axes = figure.subplots(2, len(pair))
    for column, (name, both) in enumerate(pair.items()):
        brightest = both.max().item() or 1.0
        for row, image in zip(axes[:, column], both, strict=True):
            row.imshow(image.numpy(), cmap="gray", vmin=0, vmax=brightest, interpolation="nearest")
            row.set(xticks=[], yticks=[])
            row.spines[:].set_visible(False)
        height, width = both.shape[1:]
        label = _WORDS.get(name, name)
        axes[0, column].set_title(f"{label}\n{height}x{width}", fontsize=9, fontweight="normal")
    axes[0, 0].set_ylabel("face")
    axes[1, 0].set_ylabel(twin)
    axes[1, 1].set_xlabel(f"one channel of {model}", fontsize=9, loc="left")


def _rows(measures: Mapping[str, PoolingMeasures]) -> list[str]:
    """The representations of all models, each once; pixels, maps and pools first."""
    names = ("image", *POOLS, *(name for found in measures.values() for name in found.scrambled()))
    return [name for name in dict.fromkeys(names) if name not in _LEFT_OUT]


def _draw_dots(axes: Axes, measures: Mapping[str, PoolingMeasures]) -> None:
    rows = _rows(measures)
    points = {name: found.scrambled() for name, found in measures.items()}
    _scatter(axes, rows, points, filled=True)
    axes.set_yticks(range(len(rows)), [_WORDS.get(name, name) for name in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_title("Scrambled: from a face to its twins", fontsize=11, fontweight="normal")


def _draw_shifts(axes: Axes, measures: Mapping[str, PoolingMeasures]) -> None:
    shifts = list(next(iter(measures.values())).shifts)
    rows = _rows(measures)
    for pixels in dict.fromkeys((shifts[0], shifts[-1])):
        points = {name: found.shifts[pixels] for name, found in measures.items()}
        _scatter(axes, rows, points, filled=pixels == shifts[0])
    far = f", hollow: by {shifts[-1]}" if len(shifts) > 1 else ""
    title = f"Moved to the right, filled: by {shifts[0]} pixel{'s'[: shifts[0] != 1]}{far}"
    axes.set_title(title, fontsize=11, fontweight="normal")


def _scatter(
    axes: Axes, rows: Sequence[str], points: Mapping[str, Mapping[str, float]], *, filled: bool
) -> None:
    """A mark a model in every row that it has, a little apart from each other."""
    looks = zip(points.items(), cycle(COLOURS), cycle(MARKERS), strict=False)
    for k, ((name, values), colour, marker) in enumerate(looks):
        at = [row for row, key in enumerate(rows) if key in values]
        heights = [row + 0.18 * (k - (len(points) - 1) / 2) for row in at]
        axes.plot(
            [values[rows[row]] for row in at], heights, marker, color=colour, label=name,
            fillstyle="full" if filled else "none",
        )  # fmt: skip
    axes.axvline(1, color="0.6", linewidth=1, zorder=0)
    axes.grid(visible=True, axis="x")
    axes.set_xlim(left=0)
    axes.set_xlabel("distance (1: between two different faces)")
