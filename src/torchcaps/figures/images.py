"""Images beside images."""

from collections.abc import Sequence

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure
from torch import Tensor

from torchcaps.figures.style import STYLE, new_figure


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
    sheet = np.concatenate([np.concatenate([_picture(i) for i in row], axis=1) for row in rows])
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
        axes.imshow(sheet, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        axes.set_xticks([(n + 0.5) * (width + 1) - 1 for n in range(count)], column_labels)
        axes.set_yticks([(n + 0.5) * (height + 1) - 1 for n in range(len(rows))], row_labels)
        axes.tick_params(length=0)
        if upended:
            axes.tick_params(axis="x", rotation=90)
        axes.spines[:].set_visible(False)
        axes.set_xlabel(xlabel)
        axes.set_title(title, wrap=True)
    return figure


def _picture(image: Tensor) -> np.ndarray:
    """`[H + 1, W + 1, 3]`: a white line right and below keeps neighbours apart."""
    pixels = image.detach().cpu().float().clamp(0, 1).numpy().transpose(1, 2, 0)
    colour = pixels if pixels.shape[2] == 3 else np.repeat(pixels.mean(2, keepdims=True), 3, axis=2)
    return np.pad(colour, ((0, 1), (0, 1), (0, 0)), constant_values=1.0)
