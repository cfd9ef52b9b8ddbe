"""Primary capsules, class capsules, and lines as thick as the couplings between them."""

from collections.abc import Sequence

from matplotlib import rc_context
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from torch import Tensor

from torchcaps.analysis.routing.routing_trace import Part, RoutingExample
from torchcaps.figures.images import draw_image, pixels
from torchcaps.figures.style import COLOURS, STYLE, headline, new_figure

_POINTS = 16.0  # the width of a line whose coupling is 1
_WINS, _LOSES = COLOURS[1], "0.65"
_LINES = (1.06, 2.6)  # from where to where, in sides of a thumbnail
_NAME, _LETTER = 2.76, 0.12  # where a class's name begins, and how wide is a letter
_BAR = 0.9  # a length of 1


def routing_diagram(image: Tensor, example: RoutingExample, classes: Sequence[str]) -> Figure:
    """A panel an iteration (four, where there are more): the image `[C, H, W]` once for each part,
    bright where that part looks, the classes with their scores, and a line for every coupling."""
    last, parts, parents = example.couplings.shape
    iterations = range(1, last + 1) if last <= 4 else (1, 2, (last + 2) // 2, last)
    right = _bars_at(classes) + _BAR + 0.45
    with rc_context({**STYLE, "axes.grid": False}):
        figure = new_figure(
            0.9 * right * len(iterations) + 0.2, 0.8 * max(parts, 0.45 * parents) + 1.5
        )
        panels = figure.subplots(1, len(iterations), squeeze=False)[0]
        for axes, iteration in zip(panels, iterations, strict=True):
            _draw_parts(axes, image, example.parts)
            _draw_wholes(axes, example, classes, iteration - 1)
            axes.set(xlim=(-0.05, right), ylim=(1.04 * parts, -0.04), aspect="equal")
            axes.set_axis_off()
            axes.set_title(f"iteration {iteration}", fontweight="normal")
        headline(figure, finding(example, classes))
        figure.legend(handles=_legend(example, classes), loc="outside lower center", ncols=4)
    return figure


def finding(example: RoutingExample, classes: Sequence[str]) -> str:
    """What the shown parts send to the predicted class in the first and the last iteration."""
    sent = example.couplings[:, :, example.winner].mean(1).tolist()
    return (
        f"Predicted class: '{classes[example.winner]}'. The {len(example.parts)} strongest parts "
        f"send it {100 * sent[0]:.0f} % of their votes in iteration 1, {100 * sent[-1]:.0f} % in "
        f"iteration {len(sent)}"
    )


def _draw_parts(axes: Axes, image: Tensor, parts: Sequence[Part]) -> None:
    """One thumbnail below the other."""
    shown = pixels(image)
    height, width = shown.shape[:2]
    for k, part in enumerate(parts):
        dimmed = 0.35 * shown + 0.3
        rows = slice(part.top, part.top + part.side)
        columns = slice(part.left, part.left + part.side)
        dimmed[rows, columns] = shown[rows, columns]
        draw_image(axes, dimmed, 0, 1.04 * k)
        corner = (part.left / width, 1.04 * k + part.top / height)
        sides = (part.side / width, part.side / height)
        axes.add_patch(Rectangle(corner, *sides, fill=False, edgecolor=COLOURS[0], linewidth=1.5))


def _draw_wholes(
    axes: Axes, example: RoutingExample, classes: Sequence[str], iteration: int
) -> None:
    """Lines from the parts to the classes, and the classes' scores, after `iteration`, from 0."""
    couplings, lengths = example.couplings[iteration], example.lengths[iteration]
    bottom, left = 1.04 * len(example.parts), _bars_at(classes)
    for j, (name, length) in enumerate(zip(classes, lengths.tolist(), strict=True)):
        y = bottom * (j + 0.5) / len(classes)
        wins = j == example.winner
        colour = _WINS if wins else _LOSES
        for k, coupling in enumerate(couplings[:, j].tolist()):
            ends = (1.04 * k + 0.5, y)
            axes.plot(
                _LINES, ends, color=colour, linewidth=_POINTS * coupling, zorder=2 + wins,
                solid_capstyle="butt",
            )  # fmt: skip
        weight = "bold" if wins else "normal"
        axes.text(_NAME, y, name, va="center", fontweight=weight)
        axes.barh(y, _BAR, 0.16, left, color="0.92")
        axes.barh(y, _BAR * length, 0.16, left, color=colour)
        axes.text(left + _BAR + 0.05, y, f"{length:.2f}", va="center", fontsize=9)


def _bars_at(classes: Sequence[str]) -> float:
    return _NAME + _LETTER * (1 + max(map(len, classes)))


def _legend(example: RoutingExample, classes: Sequence[str]) -> list[Artist]:
    even, most = 1 / len(classes), example.couplings.max().item()
    widths = {f"coupling {even:.2f}: uniform": even, f"coupling {most:.2f}: the largest": most}
    lines = [
        Line2D([], [], color=_LOSES, linewidth=_POINTS * coupling, label=label)
        for label, coupling in widths.items()
    ]
    bar = Line2D([], [], color=_WINS, linewidth=5, label="score of a class, 0 to 1")
    square = Patch(fill=False, edgecolor=COLOURS[0], label="where a part looks")
    return [square, *lines, bar]
