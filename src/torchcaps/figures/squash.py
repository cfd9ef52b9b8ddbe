"""Squash beside sigmoid and softmax: what each makes of numbers."""

from collections.abc import Sequence

import torch
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor
from torch.nn import functional as F

from torchcaps.figures.style import COLOURS, STYLE, headline, new_figure
from torchcaps.ops import lengths, squash

_LONGEST = 5.0


def squash_figure(examples: Sequence[float] = (0.0, 0.5, 1.0, 3.0)) -> Figure:
    """Left: squash (of vectors of every length) and sigmoid. Right: what these and softmax make of
    `examples`, which for squash are the lengths of as many vectors."""
    given = torch.tensor(examples)
    made = {"squash": _squashed(given), "sigmoid": given.sigmoid(), "softmax": given.softmax(0)}
    with rc_context(STYLE):
        figure = new_figure(10.5, 4.4)
        left, right = figure.subplots(1, 2, width_ratios=(1, 1.3))
        _draw_curves(left)
        _draw_examples(right, examples, made)
        headline(
            figure, "Squash maps 0 to 0, sigmoid maps it to 0.5; the outputs of softmax add up to 1"
        )
    return figure


def _squashed(length: Tensor) -> Tensor:
    """Lengths after squash, of vectors that had these lengths."""
    return lengths(squash(F.pad(length[:, None], (0, 1))))


def _draw_curves(axes: Axes) -> None:
    x = torch.linspace(0, _LONGEST, 201)
    axes.plot(x, _squashed(x), color=COLOURS[0], label="squash")
    axes.plot(x, x.sigmoid(), color=COLOURS[1], linestyle="dashed", label="sigmoid")
    axes.axhline(1, color="0.5", linewidth=1, linestyle="dotted")
    axes.set(
        xlabel="input: a vector's length, or a number",
        ylabel="output: a length, or a number",
        xlim=(0, _LONGEST),
        ylim=(0, 1.08),
    )
    axes.set_title("One at a time", fontweight="normal")
    axes.legend(loc="lower right")


def _draw_examples(axes: Axes, examples: Sequence[float], made: dict[str, Tensor]) -> None:
    width = 0.27
    for k, ((name, values), colour) in enumerate(zip(made.items(), COLOURS, strict=False)):
        places = [place + (k - 1) * width for place in range(len(examples))]
        label = f"{name} (sum {values.sum().item():.2f})"
        bars = axes.bar(places, values.tolist(), 0.9 * width, color=colour, label=label)
        axes.bar_label(bars, fmt="%.2f", fontsize=9, padding=2)
    axes.set(
        xlabel=f"input: {len(examples)} numbers, or the lengths of {len(examples)} vectors",
        ylabel="output",
        ylim=(0, 1.08),
    )
    axes.set_xticks(range(len(examples)), [f"{x:g}" for x in examples])
    axes.grid(visible=False, axis="x")
    axes.set_title("Several: in softmax alone, each depends on the others", fontweight="normal")
    axes.legend(loc="upper left")
