"""A face and its scrambled twin, pooled again and again, and what that leaves of their distance."""

from collections.abc import Mapping, Sequence
from itertools import cycle

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from torch import Tensor

from torchcaps.analysis.representation.pooling import POOLS, PoolingMeasures
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
    pair: Mapping[str, Tensor],
    told: Mapping[str, Mapping[str, float]],
    measures: Mapping[str, PoolingMeasures],
    *,
    twin: str,
) -> Figure:
    """Above, the `pooled_pair` of the first model. Below, of all models by name, in every
    representation: what is `told` apart (`measure_linear_separability`), how far scrambling moves
    a face, and how far a shift does.

    twin: the kind of the twin that is shown; the numbers are means over all kinds.
    """
    rows = _rows(measures)
    with rc_context({**STYLE, "axes.grid": False}):
        figure = new_figure(11.5, 8.2)
        above, below = figure.subfigures(2, 1, height_ratios=(1, 1.25), squeeze=False)[:, 0]
        _draw_pair(above, pair, twin, next(iter(measures)))
        panels = below.subplots(1, 3, sharey=True)
        _draw_told(panels[0], rows, told)
        _draw_scrambled(panels[1], rows, measures)
        _draw_shifts(panels[2], rows, measures)
        above.suptitle(
            finding(told), x=0.01, ha="left", fontsize=STYLE["axes.titlesize"], fontweight="bold"
        )
        handles, names = panels[0].get_legend_handles_labels()
        below.legend(handles, names, loc="outside lower center", ncols=len(names))
    return figure


def finding(told: Mapping[str, Mapping[str, float]]) -> str:
    """What a reader tells from the first model's first maps, pooled and not."""
    model, shares = next(iter(told.items()))
    return (
        f"A linear reader of {model}'s first maps tells faces from scrambled twins on "
        f"{shares['maps']:.0f} % of the images,\nafter 3 max-pools on {shares['3 pools']:.0f} %, "
        f"pooled globally on {shares['global pool']:.0f} % (guessing: 50 %)"
    )


def _draw_pair(figure: SubFigure, pair: Mapping[str, Tensor], twin: str, model: str) -> None:
    axes = figure.subplots(2, len(pair))
    for column, (name, both) in enumerate(pair.items()):
        brightest = both.max().item() or 1.0
        for row, image in zip(axes[:, column], both, strict=True):
            row.imshow(image.numpy(), cmap="gray", vmin=0, vmax=brightest, interpolation="nearest")
            row.set(xticks=[], yticks=[])
            row.spines[:].set(visible=True, color="0.8")
            if image.numel() == 1:
                row.text(0, 0, f"{image.item():.2f}", ha="center", va="center")
        height, width = both.shape[1:]
        label = _WORDS.get(name, name)
        axes[0, column].set_title(f"{label}\n{height}x{width}", fontsize=9, fontweight="normal")
    axes[0, 0].set_ylabel("face", fontsize=9)
    axes[1, 0].set_ylabel(twin, fontsize=9)
    axes[1, 1].set_xlabel(f"one channel of {model}", fontsize=9, loc="left")


def _rows(measures: Mapping[str, PoolingMeasures]) -> list[str]:
    """The representations of all models, each once: pixels and pools first, last layers last."""
    own = [list(found.scrambled()) for found in measures.values()]
    last = {names[-1]: None for names in own}
    names = dict.fromkeys(("image", *POOLS, *(name for names in own for name in names)))
    return [name for name in names if name not in {*_LEFT_OUT, *last}] + list(last)


def _draw_told(axes: Axes, rows: Sequence[str], told: Mapping[str, Mapping[str, float]]) -> None:
    _scatter(axes, rows, told, filled=True)
    axes.set_yticks(range(len(rows)), [_WORDS.get(name, name) for name in rows])
    axes.set(ylim=(len(rows) - 0.5, -0.5), xlim=(40, 103))
    axes.axvline(50, color="0.6", linewidth=1, zorder=0)
    axes.set_xlabel("told apart (%; guessing: 50)")
    axes.set_title("Faces from twins, by a linear reader", fontsize=11, fontweight="normal")


def _draw_scrambled(
    axes: Axes, rows: Sequence[str], measures: Mapping[str, PoolingMeasures]
) -> None:
    points = {name: found.scrambled() for name, found in measures.items()}
    _scatter(axes, rows, points, filled=True)
    _scale(axes, points)
    axes.set_title("Distance, scrambled", fontsize=11, fontweight="normal")


def _draw_shifts(axes: Axes, rows: Sequence[str], measures: Mapping[str, PoolingMeasures]) -> None:
    shifts = list(next(iter(measures.values())).shifts)
    for pixels in dict.fromkeys((shifts[0], shifts[-1])):
        points = {name: found.shifts[pixels] for name, found in measures.items()}
        _scatter(axes, rows, points, filled=pixels == shifts[0])
        _scale(axes, points)
    hollow = f", hollow: by {shifts[-1]}" if len(shifts) > 1 else ""
    plural = "" if shifts[0] == 1 else "s"
    title = f"Distance, moved by {shifts[0]} pixel{plural}{hollow}"
    axes.set_title(title, fontsize=11, fontweight="normal")


def _scatter(
    axes: Axes, rows: Sequence[str], points: Mapping[str, Mapping[str, float]], *, filled: bool
) -> None:
    """A mark a model in every row that it has, a little apart from each other."""
    looks = zip(points.items(), cycle(COLOURS), cycle(MARKERS), strict=False)
    for k, ((name, values), colour, marker) in enumerate(looks):
        at = [row for row, key in enumerate(rows) if key in values]
        heights = [row + 0.2 * (k - (len(points) - 1) / 2) for row in at]
        axes.plot(
            [values[rows[row]] for row in at], heights, marker, color=colour, label=name,
            fillstyle="full" if filled else "none",
        )  # fmt: skip
    axes.grid(visible=True, alpha=0.3)


def _scale(axes: Axes, points: Mapping[str, Mapping[str, float]]) -> None:
    """From 0 to a little beyond what is drawn last; between other faces is 1."""
    axes.axvline(1, color="0.6", linewidth=1, zorder=0)
    axes.set_xlim(0, 1.08 * max(1.0, *(max(values.values()) for values in points.values())))
    axes.set_xlabel("distance (between two faces: 1)")
