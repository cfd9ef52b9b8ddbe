"""Reading one picture to the shape a model takes."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import torch
from torch import Tensor

from torchcaps.options import check_choice

from .decoding import decode, opened

if TYPE_CHECKING:
    from PIL import Image

Fit = Literal["pad", "crop", "stretch"]
_MODES = {1: "L", 3: "RGB"}


def read_image(path: str | PathLike[str], in_shape: Sequence[int], fit: Fit = "pad") -> Tensor:
    """A picture file as a float32 tensor [C,H,W] in [0,1]; as `read_pixels`, divided by 255."""
    return read_pixels(path, in_shape, fit).float() / 255


def read_pixels(path: str | PathLike[str], in_shape: Sequence[int], fit: Fit = "pad") -> Tensor:
    """A picture file as a uint8 tensor of this shape (C,H,W); C = 1 is grey, C = 3 is RGB.

    Turned upright by its EXIF tag, transparency laid on white, resized (bilinear, antialiased).
    fit: "pad" keeps the aspect and fills what is left with the median colour of the picture's
        border; "crop" keeps it and cuts what is too long, equally at both ends; "stretch" does not
        keep it.

    ValueError, naming the file: it is missing, empty, damaged, or no picture, or has numbers of no
    stated range (see `decode`); or a wrong shape or fit.
    """
    check_choice("read_image", "fit", fit, get_args(Fit))
    if len(in_shape) != 3 or in_shape[0] not in _MODES or min(in_shape) < 1:
        raise ValueError(
            f"read_image, in_shape: expected (1 or 3, H, W); got {tuple(in_shape)}; "
            "only grey (1) and RGB (3) pictures are read"
        )
    return resized(decode(_there(Path(path)), f"read_image, {path}"), in_shape, fit)


def check_picture(path: Path) -> None:
    """Raise the `ValueError` of `read_pixels` for a file whose size or header tells already that it
    cannot be read; damage further on is found when its pixels are decoded."""
    with opened(_there(path), f"read_image, {path}"):
        pass


def _there(path: Path) -> Path:
    """The path of a file that holds something."""
    if not path.is_file():
        what = "a folder" if path.is_dir() else "nothing there"
        raise ValueError(f"read_image, {path}: expected a picture file; got {what}; check the path")
    if path.stat().st_size == 0:
        raise ValueError(
            f"read_image, {path}: expected a picture; got an empty file; delete or replace it"
        )
    return path


def resized(picture: Image.Image, in_shape: Sequence[int], fit: Fit = "pad") -> Tensor:
    """A decoded picture as a uint8 tensor of this shape, in the way of `read_pixels`."""
    from PIL import Image

    channels, height, width = in_shape
    picture = flatten(picture, _MODES[channels])
    picture = fitted(picture, (width, height), fit, Image.Resampling.BILINEAR, _background(picture))
    pixels = torch.from_numpy(np.array(picture))
    return pixels.reshape(height, width, channels).permute(2, 0, 1).contiguous()


def fitted(
    picture: Image.Image,
    size: tuple[int, int],
    fit: Fit,
    method: Image.Resampling,
    paper: int | tuple[int, ...],
) -> Image.Image:
    """A picture of this width and height; `paper` is what "pad" fills it up with."""
    from PIL import Image, ImageOps

    if fit == "crop":
        return ImageOps.fit(picture, size, method)
    if fit == "stretch":
        return picture.resize(size, method)
    (width, height), scale = size, min(size[0] / picture.width, size[1] / picture.height)
    inner = [max(1, round(side * scale)) for side in picture.size]
    page = Image.new(picture.mode, size, paper)
    corner = (width - inner[0]) // 2, (height - inner[1]) // 2
    page.paste(picture.resize((inner[0], inner[1]), method), corner)
    return page


def _background(picture: Image.Image) -> tuple[int, ...]:
    """The median colour of the outermost pixels."""
    width, height = picture.size
    sides = (0, 0, width, 1), (0, height - 1, width, height), (0, 0, 1, height)
    strips = [picture.crop(box) for box in (*sides, (width - 1, 0, width, height))]
    rim = np.concatenate([np.asarray(strip).reshape(-1, len(strip.getbands())) for strip in strips])
    return tuple(int(value) for value in np.median(rim, axis=0))


def flatten(picture: Image.Image, mode: str, paper: str = "white") -> Image.Image:
    """A decoded picture in grey or RGB, transparency laid on paper."""
    from PIL import Image

    if picture.has_transparency_data:
        sheet = Image.new("RGBA", picture.size, paper)
        picture = Image.alpha_composite(sheet, picture.convert("RGBA"))
    return picture.convert(mode)
