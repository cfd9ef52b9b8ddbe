"""One look for all figures: colours that the colour-blind can tell apart, and words to read."""

from io import BytesIO
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from torchcaps.files import write_whole

# Okabe & Ito 2008, without the yellow that white paper swallows.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
STYLE: Any = {
    "font.size": 11,
    # A class may be called "$5"; no text here is a formula.
    "text.parse_math": False,
    "axes.titlesize": 12,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "legend.frameon": False,
    "figure.constrained_layout.use": True,
}


def new_figure(width: float, height: float) -> Figure:
    """An empty figure, size in inches; draw on it within `rc_context(STYLE)`."""
    with rc_context(STYLE):
        return Figure(figsize=(width, height))


def headline(figure: Figure | SubFigure, title: str) -> None:
    """One title above all panels."""
    size = STYLE["axes.titlesize"]
    figure.suptitle(title, x=0.01, ha="left", fontsize=size, fontweight="bold")


def bare(axes: Axes) -> None:
    """No frame and no tick marks: for images."""
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def save_figure(figure: Figure, path: Path) -> Path:
    """Write the picture, whole or not at all: an SVG, or a PNG of 160 dots an inch, by the name."""
    return write_whole(path, to_bytes(figure, path.suffix[1:]))


def to_bytes(figure: Figure, kind: str = "png") -> bytes:
    """The picture as "png" or "svg", the same bytes for the same picture."""
    buffer = BytesIO()
    origin = {"Software": None} if kind == "png" else {"Date": None, "Creator": None}
    with rc_context({"svg.hashsalt": "torchcaps"}):
        figure.savefig(buffer, format=kind, dpi=160, metadata=origin)
    return buffer.getvalue()
