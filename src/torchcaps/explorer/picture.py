"""Uploads and drawings, brought to the shape that the models take; all of it in memory."""

from io import BytesIO
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from torchcaps.data.decoding import decode
from torchcaps.data.images import flatten, resized
from torchcaps.explorer.pixels import pixels_json
from torchcaps.explorer.refusal import Refused
from torchcaps.explorer.workspaces import Workspace

LARGEST_SIDE = 4096
_FORMATS = ("PNG", "JPEG", "WEBP")
_FAINTEST = 25  # of 255: less is no ink


class _Habit(NamedTuple):
    """How the digits of a data set lie in their images: shares of the side that they fill at most,
    and whether their centre of mass or that of their box is in the middle."""

    height: float
    width: float
    by_mass: bool


# MNIST's authors say so of theirs. The 8x8 digits were measured: all are as high as the image and,
# but for a few, at most 6 pixels wide. Other data are taken as they are drawn.
_HABITS = {"mnist": _Habit(20 / 28, 20 / 28, True), "digits": _Habit(1, 6 / 8, False)}
# Data without a habit of bright ink on black, where ink on paper is nothing to mend.
_PHOTOGRAPHS = ("folder",)


def read_picture(content: bytes, models: Workspace, *, drawn: bool) -> dict[str, Any]:
    """The pixels that the models of this workspace take; refused if they cannot be made."""
    try:
        picture = decode(BytesIO(content), "picture", formats=_FORMATS, largest=LARGEST_SIDE)
    except ValueError as error:
        raise Refused(str(error)) from None
    if drawn:
        return {"pixels": pixels_json(_fit(picture, models)), "inverted": False}
    pixels = resized(picture, models.in_shape, models.recipe.data_options.get("fit", "pad"))
    inverted = models.recipe.data not in _PHOTOGRAPHS and _is_paper(picture)
    return {"pixels": pixels_json(255 - pixels if inverted else pixels), "inverted": inverted}


def _is_paper(picture: Image.Image) -> bool:
    """Whether the border is bright and something within is much darker: ink on paper."""
    grey = np.asarray(flatten(picture, "L"), dtype=np.float32) / 255
    rim = max(1, min(grey.shape) // 16)
    inside = grey[rim:-rim, rim:-rim]
    border = np.concatenate(
        [grey[:rim].ravel(), grey[-rim:].ravel(), grey[:, :rim].ravel(), grey[:, -rim:].ravel()]
    )
    paper = float(np.median(border))
    return inside.size > 0 and paper > 0.5 and float(np.quantile(inside, 0.02)) < paper - 0.25


def _fit(picture: Image.Image, models: Workspace) -> Tensor:
    """A drawing of bright ink on black, as large and where the training data have theirs."""
    grey = flatten(picture, "L", paper="black")
    box = grey.point([255 * (value > _FAINTEST) for value in range(256)]).getbbox()
    if box is None:
        raise Refused("drawing: expected some ink; got an empty canvas; draw something first")
    habit = _HABITS.get(models.recipe.data)
    if habit is None:
        return resized(flatten(picture, "RGB", paper="black"), models.in_shape, "stretch")
    channels, height, width = models.in_shape
    ink = _scaled(grey.crop(box), habit, height, width)
    page = torch.zeros(height, width, dtype=torch.uint8)
    top, left = _place(ink, habit, height, width)
    page[top : top + ink.shape[0], left : left + ink.shape[1]] = ink
    return page.expand(channels, -1, -1)


def _scaled(ink: Image.Image, habit: _Habit, height: int, width: int) -> Tensor:
    """The ink with its aspect kept, but squeezed where it would be wider than the data are; as
    bright as theirs, since thin strokes pale when they shrink."""
    tallest, widest = round(habit.height * height), round(habit.width * width)
    scale = tallest / max(ink.size)
    rows, columns = (max(1, round(scale * size)) for size in (ink.height, ink.width))
    small = ink.resize((min(columns, widest), rows), Image.Resampling.BILINEAR)
    shades = torch.from_numpy(np.array(small)).float()
    return (shades * (255 / shades.max().clamp_min(1))).round().to(torch.uint8)


def _place(ink: Tensor, habit: _Habit, height: int, width: int) -> tuple[int, int]:
    """Row and column of the ink's first pixel."""
    centre = [(size - 1) / 2 for size in ink.shape]
    middle = [(height - 1) / 2, (width - 1) / 2]
    if habit.by_mass:
        weight = ink.double() / ink.double().sum()
        rows, columns = (torch.arange(size, dtype=torch.double) for size in ink.shape)
        centre = [float(weight.sum(1) @ rows), float(weight.sum(0) @ columns)]
        middle = [height / 2, width / 2]  # MNIST counts so: half a pixel right and down
    return (
        min(max(round(middle[0] - centre[0]), 0), height - ink.shape[0]),
        min(max(round(middle[1] - centre[1]), 0), width - ink.shape[1]),
    )
