"""Images with what several models say of each."""

from collections.abc import Mapping, Sequence
from itertools import cycle

from matplotlib import rc_context
from matplotlib.figure import Figure
from torch import Tensor

from torchcaps.figures.style import COLOURS, STYLE, new_figure

_BAR, _GAP = 0.13, 0.12  # in sides of an image
_FULL = 0.68  # of the width is a score of 1; the rest is for its number


def scored_images(
    rows: Sequence[Tensor],
    scores: Mapping[str, Sequence[Sequence[float]]],
    *,
    title: str,
    row_labels: Sequence[str],
    legend: str,
    cell: float = 1.15,
) -> Figure:
    """Rows of grey images `[N, 1, H, W]` in [0, 1], under each a bar from 0 to 1 for every model.

    scores: `scores[model][row][n]`, in [0, 1]. legend: what the bars are, above the models' names.
    """
    count, step = len(rows[0]), 1 + len(scores) * _BAR + _GAP
    with rc_context({**STYLE, "axes.grid": False}):
        figure = new_figure(cell * count * 1.06 + 1.8, cell * step * len(rows) + 1.1)
        axes = figure.add_subplot()
        for r, row in enumerate(rows):
            for n, image in enumerate(row):
                place = (1.06 * n, 1.06 * n + 1, r * step + 1, r * step)
                pixels = image[0].detach().cpu().float().clamp(0, 1).numpy()
                axes.imshow(pixels, cmap="gray", vmin=0, vmax=1, extent=place)
        for m, ((name, said), colour) in enumerate(
            zip(scores.items(), cycle(COLOURS), strict=False)
        ):
            for r, values in enumerate(said):
                left = [1.06 * n for n in range(count)]
                y = [r * step + 1 + (m + 0.6) * _BAR] * count
                axes.barh(y, [_FULL] * count, 0.8 * _BAR, left, color="0.9")
                widths = [_FULL * value for value in values]
                bars = axes.barh(y, widths, 0.8 * _BAR, left, color=colour)
                bars.set_label("" if r else name)
                for x, height, value in zip(left, y, values, strict=True):
                    axes.text(x + _FULL + 0.03, height, f"{value:.2f}", fontsize=7, va="center")
        axes.set(xlim=(-0.02, 1.06 * count), ylim=(len(rows) * step, -0.02), xticks=[])
        axes.set_yticks([r * step + 0.5 for r in range(len(rows))], row_labels)
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        axes.set_title(title, wrap=True)
        figure.legend(
            title=legend, loc="outside lower center", ncols=len(scores), title_fontsize=10
        )
    return figure
