"""What each dimension of a pose draws, and beside it what that moves, in numbers."""

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from torchcaps.analysis.pose.perturbation import Perturbation
from torchcaps.analysis.pose.pose_meaning import PoseMeaning
from torchcaps.figures.style import STYLE, new_figure

_LINEAR = 0.9  # R² from which a dimension is said to move a quantity along a line
_MUCH = 0.3  # standard deviations that are counted as a move
_WRITTEN = 0.1


def pose_meaning_figure(moved: Perturbation, meaning: PoseMeaning, class_name: str) -> Figure:
    """A row a dimension: the drawings of one image, then the standardised slopes of all."""
    dims, offsets = moved.images.shape[:2]
    quantities = meaning.quantities
    with rc_context({**STYLE, "axes.grid": False}):
        figure = new_figure(0.36 * offsets + 0.62 * len(quantities) + 1.6, 0.36 * dims + 1.8)
        widths = (0.36 * offsets, 0.62 * len(quantities))
        left, right = figure.subplots(1, 2, width_ratios=widths)
        _draw_images(left, moved)
        image = _draw_slopes(right, meaning)
        figure.colorbar(image, ax=right, fraction=0.04, pad=0.02)
        figure.suptitle(
            finding(meaning, class_name), x=0.01, ha="left", fontsize=STYLE["axes.titlesize"],
            fontweight="bold",
        )  # fmt: skip
    return figure


def finding(meaning: PoseMeaning, class_name: str) -> str:
    """The strongest of the moves, and how many dimensions move more than one thing."""
    slopes = meaning.standardised
    dim, quantity = divmod(int(slopes.abs().argmax()), slopes.shape[1])
    several = int(((slopes.abs() >= _MUCH).sum(1) > 1).sum())
    verb = "moves" if several == 1 else "move"
    return (
        f"'{class_name}': dimension {dim} moves {meaning.quantities[quantity]} most "
        f"({slopes[dim, quantity]:+.2f} sd for one of its own, "
        f"R² {meaning.r_squared[dim, quantity]:.2f});\n"
        f"{several} of {len(slopes)} dimensions {verb} more than one quantity by {_MUCH:g} sd or "
        f"more ({meaning.images} images)"
    )


def _draw_images(axes: Axes, moved: Perturbation) -> None:
    """All drawings on one sheet, a row a dimension."""
    pixels = moved.images.detach().cpu().float().clamp(0, 1).mean(2).numpy()  # [D, K, H, W]
    dims, offsets, height, width = pixels.shape
    sheet = np.pad(pixels, ((0, 0), (0, 0), (0, 1), (0, 1)), constant_values=1.0)
    sheet = sheet.transpose(0, 2, 1, 3).reshape(dims * (height + 1), offsets * (width + 1))
    place = (-0.5, offsets - 0.5, dims - 0.5, -0.5)
    axes.imshow(
        sheet, cmap="gray", vmin=0, vmax=1, extent=place, aspect="auto", interpolation="nearest"
    )
    ends = sorted({0, moved.offsets.index(min(moved.offsets, key=abs)), offsets - 1})
    axes.set_xticks(ends, [f"{moved.offsets[k]:+g}" if moved.offsets[k] else "0" for k in ends])
    axes.set_yticks(range(dims), [f"dim {d}" for d in range(dims)])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_xlabel("added to the dimension")
    axes.set_title("One image, drawn", fontsize=11, fontweight="normal")


def _draw_slopes(axes: Axes, meaning: PoseMeaning) -> AxesImage:
    slopes, fits = meaning.standardised.cpu().numpy(), meaning.r_squared.cpu().numpy()
    most = max(float(np.abs(slopes).max()), 1e-9)
    image = axes.imshow(slopes, cmap="PuOr", vmin=-most, vmax=most, aspect="auto")
    for d, q in zip(*np.nonzero(np.abs(slopes) >= _WRITTEN), strict=True):
        bent = "~" if fits[d, q] < _LINEAR else ""
        dark = abs(slopes[d, q]) > 0.6 * most
        axes.text(
            q, d, f"{bent}{slopes[d, q]:+.1f}", ha="center", va="center", fontsize=8,
            color="white" if dark else "black",
        )  # fmt: skip
    axes.set_xticks(range(len(meaning.quantities)), meaning.quantities, rotation=45, ha="right")
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    axes.set_xlabel(f"~: not linear (R² below {_LINEAR:g})")
    axes.set_title("Moved, in sd for one sd of the dimension", fontsize=11, fontweight="normal")
    return image
