"""Masks laid over their images."""

from collections.abc import Sequence

import numpy as np
from matplotlib import rc_context
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from torch import Tensor

from torchcaps.figures.images import draw_image, pixels
from torchcaps.figures.style import COLOURS, STYLE, bare, headline, new_figure


def region_colours(count: int) -> np.ndarray:
    """`[count, 3]` in [0, 1]: black for class 0, the background; the others in turn, again from the
    first where there are more of them than colours."""
    inks = [to_rgb(colour) for colour in COLOURS[:-1]]
    return np.array([(0.0, 0.0, 0.0), *(inks[k % len(inks)] for k in range(count - 1))])


def overlay(image: Tensor, mask: Tensor, num_classes: int, opacity: float = 0.5) -> np.ndarray:
    """`[H, W, 3]` in [0, 1]: an image `[C, H, W]`, tinted where its mask `[H, W]` has another class
    than 0."""
    shown, classes = pixels(image), mask.cpu().numpy()
    tint = opacity * (classes > 0)[..., None]
    return (1 - tint) * shown + tint * region_colours(num_classes)[classes]


def overlay_grid(
    images: Tensor, rows: dict[str, Tensor], classes: Sequence[str], *, title: str
) -> Figure:
    """Images `[N, C, H, W]`, and below them the same under each of `rows`, masks `[N, H, W]` by
    name, such as those of the data and those of a model; with a legend of the regions."""
    count, (height, width) = len(images), images.shape[2:]
    with rc_context({**STYLE, "axes.grid": False}):
        figure = new_figure(1.2 * count + 1.2, 1.2 * (len(rows) + 1) * height / width + 1.0)
        grid = figure.subplots(len(rows) + 1, count, squeeze=False)
        shown = {"image": [pixels(image) for image in images]}
        for name, masks in rows.items():
            pairs = zip(images, masks, strict=True)
            shown[name] = [overlay(image, mask, len(classes)) for image, mask in pairs]
        for line, (name, pictures) in zip(grid, shown.items(), strict=True):
            for axes, picture in zip(line, pictures, strict=True):
                draw_image(axes, picture)
                axes.set(xticks=[], yticks=[])
                bare(axes)
            line[0].set_ylabel(name)
        colours = region_colours(len(classes))[1:]
        patches = [
            Patch(color=colour, label=name)
            for colour, name in zip(colours, classes[1:], strict=True)
        ]
        figure.legend(handles=patches, loc="outside lower center", ncols=min(len(patches), 6))
        headline(figure, title)
    return figure
