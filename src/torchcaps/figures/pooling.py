"""A face and its scrambled twin, pooled again and again, and how different they still are."""

from collections.abc import Mapping, Sequence

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from torch import Tensor

from torchcaps.analysis.representation.pooling import POOLS, PoolingMeasures
from torchcaps.figures.curves import looks
from torchcaps.figures.style import STYLE, headline, new_figure

# Labels of representations; others keep the name that they have in the measures.
_LABELS = {
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

Points = Mapping[str, Mapping[str, float]]


def pooling_figure(
    pair: Mapping[str, Tensor],
    separable: Points,
    measures: Mapping[str, PoolingMeasures],
    *,
    twin: str,
) -> Figure:
    """Above, the `pooled_pair` of the first model. Below, of all models by name, in every
    representation: how `separable` faces and twins are (`measure_linear_separability`), and the
    distances of a face to its twins and to itself after the smallest and the largest shift.

    twin: the kind of the twin that is shown; the numbers are means over all kinds.
    """
    rows = _rows(measures)
    shifts = list(next(iter(measures.values())).shifts)
    distances = {"from face to twin": {name: found.scrambled() for name, found in measures.items()}}
    for px in dict.fromkeys((shifts[0], shifts[-1])):
        moved = {name: found.shifts[px] for name, found in measures.items()}
        distances[f"shifted by {px} pixel{'s' if px != 1 else ''}"] = moved
    with rc_context(STYLE):
        figure = new_figure(3.2 + 2.8 * (1 + len(distances)), 8.2)
        above, below = figure.subfigures(2, 1, height_ratios=(1, 1.25), squeeze=False)[:, 0]
        _draw_pair(above, pair, twin, next(iter(measures)))
        first, *others = below.subplots(1, 1 + len(distances), sharey=True)
        _draw_points(first, rows, separable, "classified correctly (%)", reference=50)
        first.set_yticks(range(len(rows)), [_LABELS.get(name, name) for name in rows])
        first.set(ylim=(len(rows) - 0.5, -0.5), xlim=(40, 103))
        first.set_title("Linear regression", fontsize=11, fontweight="normal")
        for axes, (title, points) in zip(others, distances.items(), strict=True):
            _draw_points(axes, rows, points, "distance (two faces: 1)", reference=1)
            axes.set_xlim(0, 1.08 * max(1.0, *(max(v.values()) for v in points.values())))
            axes.set_title(f"Distance {title}", fontsize=11, fontweight="normal")
        headline(above, finding(separable))
        handles, names = first.get_legend_handles_labels()
        below.legend(handles, names, loc="outside lower center", ncols=len(names))
    return figure


def finding(separable: Points) -> str:
    """How separable faces and twins are in the first model's first maps, pooled and not."""
    model, shares = next(iter(separable.items()))
    return (
        f"Linear regression on {model}'s first maps separates {shares['maps']:.0f} % of faces and "
        f"scrambled twins,\nafter 3 max-pools {shares['3 pools']:.0f} %, pooled globally "
        f"{shares['global pool']:.0f} % (guessing: 50 %)"
    )


def _draw_pair(figure: SubFigure, pair: Mapping[str, Tensor], twin: str, model: str) -> None:
    every = figure.subplots(2, len(pair))
    for column, (name, both) in zip(every.T, pair.items(), strict=True):
        for axes, image in zip(column, both, strict=True):
            top = both.max().item() or 1.0
            axes.imshow(image.numpy(), cmap="gray", vmin=0, vmax=top, interpolation="nearest")
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set(visible=True, color="0.8")
            if image.numel() == 1:
                axes.text(0, 0, f"{image.item():.2f}", ha="center", va="center")
        height, width = both.shape[1:]
        label = f"{_LABELS.get(name, name)}\n{height}x{width}"
        column[0].set_title(label, fontsize=9, fontweight="normal")
    for axes, label in zip(every[:, 0], ("face", twin), strict=True):
        axes.set_ylabel(label, fontsize=9)
    every[1, 1].set_xlabel(f"one channel of {model}", fontsize=9, loc="left")


def _rows(measures: Mapping[str, PoolingMeasures]) -> list[str]:
    """The representations of all models, each once: pixels and pools first, last layers last."""
    own = [list(found.scrambled()) for found in measures.values()]
    last = {names[-1]: None for names in own}
    names = dict.fromkeys(("image", *POOLS, *(name for names in own for name in names)))
    return [name for name in names if name not in {*_LEFT_OUT, *last}] + list(last)


def _draw_points(
    axes: Axes, rows: Sequence[str], points: Points, label: str, *, reference: float
) -> None:
    """A mark for each model in every row that it has, one a little below the other."""
    for k, ((name, values), (colour, marker)) in enumerate(
        zip(points.items(), looks(points), strict=True)
    ):
        at = [row for row, key in enumerate(rows) if key in values]
        heights = [row + 0.2 * (k - (len(points) - 1) / 2) for row in at]
        axes.plot([values[rows[row]] for row in at], heights, marker, color=colour, label=name)
    axes.axvline(reference, color="0.6", linewidth=1, zorder=0)
    axes.set_xlabel(label)
