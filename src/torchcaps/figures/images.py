"""Images beside images."""

from collections.abc import Sequence

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from torchcaps.figures.style import STYLE, bare, new_figure


def image_grid(
    rows: Sequence[Tensor],
    *,
    title: str,
    row_labels: Sequence[str],
    column_labels: Sequence[str],
    xlabel: str = "",
    cell: float = 0.75,
) -> Figure:
    """Rows of images `[N, C, H, W]` in [0, 1], on one sheet; one channel is grey."""
    height, width = rows[0].shape[2:]
    count = len(rows[0])
    # Inches that the longest label takes; neighbours must not run into each other.
    longest = 0.1 * max(map(len, column_labels))
    upended = longest > cell
    with rc_context({**STYLE, "axes.grid": False}):
        figure = new_figure(
            cell * count + 1.6,
            cell * len(rows) * height / width + 1.2 + upended * longest,
        )
        axes = figure.add_subplot()
        draw_image(axes, sheet(rows))
        axes.set_xticks([(n + 0.5) * (width + 1) - 1 for n in range(count)], column_labels)
        axes.set_yticks([(n + 0.5) * (height + 1) - 1 for n in range(len(rows))], row_labels)
        bare(axes)
        if upended:
            axes.tick_params(axis="x", rotation=90)
        axes.set_xlabel(xlabel)
        axes.set_title(title, wrap=True)
    return figure


def sheet(rows: Sequence[Tensor]) -> np.ndarray:
    """Rows of images as one, `[H', W', 3]`, with a white line right of and below each."""
    cells = [
        [np.pad(pixels(i), ((0, 1), (0, 1), (0, 0)), constant_values=1.0) for i in row]
        for row in rows
    ]
    return np.concatenate([np.concatenate(row, axis=1) for row in cells])


def pixels(image: Tensor) -> np.ndarray:
    """`[H, W, 3]` in [0, 1] of an image `[C, H, W]`; channels other than three become grey."""
    found = image.detach().cpu().float().clamp(0, 1).numpy().transpose(1, 2, 0)
    return found if found.shape[2] == 3 else np.repeat(found.mean(2, keepdims=True), 3, axis=2)


def draw_image(axes: Axes, shown: np.ndarray, left: float | None = None, top: float = 0.0) -> None:
    """Every pixel a square; from `left` and `top` on, where given, with sides of 1."""
    place = None if left is None else (left, left + 1, top + 1, top)
    axes.imshow(shown, extent=place, interpolation="nearest")
