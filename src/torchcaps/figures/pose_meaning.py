"""What each dimension of a pose changes: the reconstructions, and beside them the slopes."""

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from torchcaps.analysis.pose.perturbation import Perturbation
from torchcaps.analysis.pose.pose_meaning import PoseMeaning
from torchcaps.figures.images import sheet
from torchcaps.figures.style import STYLE, bare, headline, new_figure

_LINEAR = 0.9  # R² from which a change is called linear
_MUCH = 0.3  # standard deviations from which a quantity counts as changed
_WRITTEN = 0.1


def pose_meaning_figure(moved: Perturbation, meaning: PoseMeaning, class_name: str) -> Figure:
    """A row a dimension: the reconstructions of one image, then the mean standardised slopes."""
    dims, offsets = moved.images.shape[:2]
    quantities = meaning.quantities
    with rc_context({**STYLE, "axes.grid": False}):
        figure = new_figure(0.36 * offsets + 0.62 * len(quantities) + 1.6, 0.36 * dims + 1.8)
        widths = (0.36 * offsets, 0.62 * len(quantities))
        left, right = figure.subplots(1, 2, width_ratios=widths)
        _draw_images(left, moved)
        image = _draw_slopes(right, meaning)
        figure.colorbar(image, ax=right, fraction=0.04, pad=0.02)
        headline(figure, finding(meaning, class_name))
    return figure


def finding(meaning: PoseMeaning, class_name: str) -> str:
    """The largest slope, and how many dimensions change more than one quantity."""
    slopes = meaning.standardised
    dim, quantity = divmod(int(slopes.abs().argmax()), slopes.shape[1])
    several = int(((slopes.abs() >= _MUCH).sum(1) > 1).sum())
    verb = "changes" if several == 1 else "change"
    return (
        f"'{class_name}': dimension {dim} changes {meaning.quantities[quantity]} most "
        f"({slopes[dim, quantity]:+.2f} sd for one sd of its own, "
        f"R² {meaning.r_squared[dim, quantity]:.2f});\n"
        f"{several} of {len(slopes)} dimensions {verb} more than one quantity by {_MUCH:g} sd or "
        f"more ({meaning.images} images)"
    )


def _draw_images(axes: Axes, moved: Perturbation) -> None:
    """All reconstructions on one sheet, a row a dimension."""
    dims, offsets = moved.images.shape[:2]
    place = (-0.5, offsets - 0.5, dims - 0.5, -0.5)
    axes.imshow(sheet(list(moved.images)), extent=place, aspect="auto", interpolation="nearest")
    ends = sorted({0, moved.offsets.index(min(moved.offsets, key=abs)), offsets - 1})
    axes.set_xticks(ends, [f"{moved.offsets[k]:+g}" if moved.offsets[k] else "0" for k in ends])
    axes.set_yticks(range(dims), [f"dim {d}" for d in range(dims)])
    bare(axes)
    axes.set_xlabel("added to the dimension")
    axes.set_title("Reconstructions of one image", fontsize=11, fontweight="normal")


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
    axes.set_title("Change in sd, for one sd of the dimension", fontsize=11, fontweight="normal")
    return image
