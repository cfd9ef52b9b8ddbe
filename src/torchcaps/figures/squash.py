"""Squash beside sigmoid and softmax: what each makes of numbers."""

from collections.abc import Sequence

import torch
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor
from torch.nn import functional as F

from torchcaps.figures.style import COLOURS, STYLE, new_figure
from torchcaps.ops import lengths, squash

_LONGEST = 5.0


def _squashed(length: Tensor) -> Tensor:
    """Lengths after squash, of vectors that had these lengths."""
    return lengths(squash(F.pad(length[:, None], (0, 1))))


_ALONE = {"squash": _squashed, "sigmoid": torch.sigmoid}


def squash_figure(examples: Sequence[float] = (0.0, 0.5, 1.0, 3.0)) -> Figure:
    """Left: squash (of vectors of every length) and sigmoid. Right: what these and softmax make of
    `examples`, which for squash are the lengths of as many vectors."""
    given = torch.tensor(examples)
    made = {"squash": _squashed(given), "sigmoid": given.sigmoid(), "softmax": given.softmax(0)}
    zero = {name: f"{f(torch.zeros(1)).item():g}" for name, f in _ALONE.items()}
    with rc_context(STYLE):
        figure = new_figure(10.5, 4.4)
        left, right = figure.subplots(1, 2, width_ratios=(1, 1.3))
        _draw_curves(left)
        _draw_examples(right, examples, made)
        figure.suptitle(
            f"Where there is nothing, squash says {zero['squash']} and sigmoid {zero['sigmoid']}; "
            "softmax shares out 1, whatever there is",
            x=0.01,
            ha="left",
            fontsize=STYLE["axes.titlesize"],
            fontweight="bold",
        )
    return figure


def _draw_curves(axes: Axes) -> None:
    x = torch.linspace(0, _LONGEST, 201)
    for (name, function), colour, dashes in zip(
        _ALONE.items(), COLOURS, ("solid", "dashed"), strict=False
    ):
        axes.plot(x, function(x), color=colour, linestyle=dashes, label=name)
    axes.axhline(1, color="0.5", linewidth=1, linestyle="dotted")
    axes.set(
        xlabel="in: a vector's length, or a number",
        ylabel="out: a length, or a number",
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
        xlabel=f"in: {len(examples)} numbers, or the lengths of {len(examples)} vectors",
        ylabel="out",
        ylim=(0, 1.08),
    )
    axes.set_xticks(range(len(examples)), [f"{x:g}" for x in examples])
    axes.grid(visible=False, axis="x")
    axes.set_title("Several: only softmax makes them compete", fontweight="normal")
    axes.legend(loc="upper left")
