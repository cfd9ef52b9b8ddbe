"""Images with the scores that several models give each."""

from collections.abc import Mapping, Sequence

from matplotlib import rc_context
from matplotlib.figure import Figure
from torch import Tensor

from torchcaps.figures.curves import looks
from torchcaps.figures.images import draw_image, pixels
from torchcaps.figures.style import STYLE, bare, new_figure

_CELL = 1.15  # inches of an image's side
_STEP = 1.06  # from image to image, in sides of one
_BAR, _GAP = 0.13, 0.12
_FULL = 0.68  # the length of a score of 1; the rest of the side is for its number


def scored_images(
    rows: Sequence[Tensor],
    scores: Mapping[str, Sequence[Sequence[float]]],
    *,
    title: str,
    row_labels: Sequence[str],
    legend: str,
) -> Figure:
    """Rows of images `[N, C, H, W]` in [0, 1], under each a bar from 0 to 1 for every model.

    scores: `scores[model][row][n]`, in [0, 1]. legend: what the bars are, above the models' names.
    """
    count, step = len(rows[0]), 1 + len(scores) * _BAR + _GAP
    left = [_STEP * n for n in range(count)]
    with rc_context({**STYLE, "axes.grid": False}):
        figure = new_figure(_CELL * count * _STEP + 1.8, _CELL * step * len(rows) + 1.1)
        axes = figure.add_subplot()
        for r, row in enumerate(rows):
            for x, image in zip(left, row, strict=True):
                draw_image(axes, pixels(image), x, r * step)
        for m, ((name, found), (colour, _)) in enumerate(
            zip(scores.items(), looks(scores), strict=True)
        ):
            for r, values in enumerate(found):
                y = r * step + 1 + (m + 0.6) * _BAR
                axes.barh([y] * count, _FULL, 0.8 * _BAR, left, color="0.9")
                widths = [_FULL * value for value in values]
                bars = axes.barh([y] * count, widths, 0.8 * _BAR, left, color=colour)
                bars.set_label("" if r else name)
                for x, value in zip(left, values, strict=True):
                    axes.text(x + _FULL + 0.03, y, f"{value:.2f}", fontsize=7, va="center")
        axes.set(xlim=(-0.02, _STEP * count), ylim=(len(rows) * step, -0.02), xticks=[])
        axes.set_yticks([r * step + 0.5 for r in range(len(rows))], row_labels)
        bare(axes)
        axes.set_title(title, wrap=True)
        figure.legend(
            title=legend, loc="outside lower center", ncols=len(scores), title_fontsize=10
        )
    return figure
