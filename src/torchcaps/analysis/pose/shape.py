"""Size, place, slant and stroke of what is drawn on an image, from moments of its ink."""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import pad

from torchcaps.ops.precision import at_least_float32


class Shape(NamedTuple):
    r"""Of every image, each `[B]`. With the grey $I$ of the pixel (the mean over channels) that is
    $(x, y)$ pixels right of and below the image's centre,

    $$ m = \sum I, \quad \bar x = \tfrac1m \sum I x, \quad
       \mu_{xy} = \tfrac1m \sum I (x - \bar x)(y - \bar y), $$

    ink: $m$; a white pixel has 1.
    x, y: $\bar x$ and $\bar y$, right and down.
    width, height: $\sqrt{12 \mu_{xx} + 1}$ and $\sqrt{12 \mu_{yy} + 1}$, the sides of the evenly
        filled rectangle that spreads as far (the 1 is the width of a pixel itself). A full ellipse
        has $\sqrt 3$ times its half axes.
    slant: $\mu_{xy} / \mu_{yy}$, pixels to the right for each pixel down, as the shear of
        `data.transforms.affine`, which adds its amount to it. 0 where there is but one row.
    rotation: of the principal axis, $\tfrac12 \operatorname{atan2}(-2 \mu_{xy}, \mu_{xx} -
        \mu_{yy})$ in degrees counter-clockwise from the horizontal, in [-90, 90]; an axis is the
        same after 180 degrees. It says nothing where no axis is clearly longer than others.
    thickness: of strokes, $2 m / \sum \|\nabla I\|$: the area over half the outline. That is the
        thickness of a ring or a long stroke, and $a b / (a + b)$ of a rectangle $a \times b$; a
        fainter drawing is as thick.

    All are 0 where an image is empty. Grey counts, so that a haze over all of an image widens it.
    """

    ink: Tensor
    x: Tensor
    y: Tensor
    width: Tensor
    height: Tensor
    slant: Tensor
    rotation: Tensor
    thickness: Tensor


QUANTITIES = Shape._fields
# What comes back to itself, and after how much.
PERIOD = {"rotation": 180.0}
# Ink that spreads less than this (squared pixels) lies in one row, but for rounding.
ONE_ROW = 1e-6


def measure_shape(images: Float[Tensor, "B C H W"]) -> Shape:
    """The shape of every image, in float32, or float64 where the images are."""
    grey = at_least_float32(images).mean(1)
    ink = grey.sum((1, 2))
    share = grey / _or_one(ink)[:, None, None]
    x, y = (_centred(grey.shape[dim], grey) for dim in (2, 1))
    across, down = share.sum(1), share.sum(2)  # [B, W], [B, H]
    mean_x, mean_y = across @ x, down @ y
    from_x, from_y = x - mean_x[:, None], y - mean_y[:, None]
    xx, yy = (across * from_x.square()).sum(1), (down * from_y.square()).sum(1)
    xy = torch.einsum("bhw,bh,bw->b", share, from_y, from_x)
    drawn = (ink > 0).to(ink)
    return Shape(
        ink=ink,
        x=mean_x,
        y=mean_y,
        width=drawn * (12 * xx + 1).sqrt(),
        height=drawn * (12 * yy + 1).sqrt(),
        slant=torch.where(yy > ONE_ROW, xy / yy, 0.0),
        rotation=torch.rad2deg(torch.atan2(-2 * xy, xx - yy)) / 2,
        thickness=2 * ink / _or_one(_outline(grey)),
    )


def _outline(grey: Float[Tensor, "B H W"]) -> Float[Tensor, " B"]:
    """The total variation: the length of the outline, times the height of the step there.

    The gradient is taken where four pixels meet, which favours neither the rows nor the diagonals
    as the difference between neighbours would.
    """
    framed = pad(grey, (1, 1, 1, 1))
    across, down = framed.diff(dim=2), framed.diff(dim=1)
    across = (across[:, 1:] + across[:, :-1]) / 2
    down = (down[:, :, 1:] + down[:, :, :-1]) / 2
    return torch.hypot(across, down).sum((1, 2))


def _centred(size: int, like: Tensor) -> Float[Tensor, " size"]:
    return torch.arange(size, dtype=like.dtype, device=like.device) - (size - 1) / 2


def _or_one(divisor: Tensor) -> Tensor:
    """What is 0 is divided by 1 instead, and stays 0."""
    return torch.where(divisor > 0, divisor, 1)
