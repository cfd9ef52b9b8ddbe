"""Reading one picture file to the shape a model takes."""

from __future__ import annotations

import struct
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    from PIL import Image

_MODES = {1: "L", 3: "RGB"}


def read_image(path: str | PathLike[str], in_shape: tuple[int, int, int]) -> Tensor:
    """A picture file as a float32 tensor [C,H,W] in [0,1]; as `read_pixels`, divided by 255."""
    return read_pixels(path, in_shape).float() / 255


def read_pixels(path: str | PathLike[str], in_shape: tuple[int, int, int]) -> Tensor:
    """A picture file as a uint8 tensor of this shape (C,H,W); C = 1 is grey, C = 3 is RGB.

    Turned upright by its EXIF tag, transparency laid on white, stretched to H x W (bilinear,
    antialiased; the aspect is not kept).

    ValueError, naming the file: it is missing, empty, damaged, or no picture; or a wrong shape.
    """
    channels, height, width = in_shape
    if channels not in _MODES or min(height, width) < 1:
        raise ValueError(
            f"read_image, in_shape: expected (1 or 3, H, W); got {tuple(in_shape)}; "
            "only grey (1) and RGB (3) pictures are read"
        )
    picture = _flatten(_open(Path(path)), _MODES[channels])
    from PIL import Image

    picture = picture.resize((width, height), Image.Resampling.BILINEAR)
    pixels = torch.from_numpy(np.array(picture))
    return pixels.reshape(height, width, channels).permute(2, 0, 1).contiguous()


def _open(path: Path) -> Image.Image:
    """The decoded picture, upright."""
    from PIL import Image, ImageOps

    if not path.is_file():
        what = "a folder" if path.is_dir() else "nothing there"
        raise ValueError(f"read_image, {path}: expected a picture file; got {what}; check the path")
    if path.stat().st_size == 0:
        raise ValueError(
            f"read_image, {path}: expected a picture; got an empty file; delete or replace it"
        )
    try:
        with Image.open(path) as opened:
            opened.load()
            return ImageOps.exif_transpose(opened)
    except (OSError, SyntaxError, ValueError, struct.error, Image.DecompressionBombError) as cause:
        raise ValueError(
            f"read_image, {path}: expected a whole PNG, JPEG or other picture; got one that "
            f"cannot be decoded ({cause}); delete or replace it"
        ) from cause


def _flatten(picture: Image.Image, mode: str) -> Image.Image:
    """Grey or RGB of 8 bits; 16-bit grey is scaled (PIL alone would clip it)."""
    from PIL import Image

    if picture.mode.startswith("I"):
        picture = Image.fromarray((np.asarray(picture) >> 8).astype(np.uint8))
    if picture.has_transparency_data:
        paper = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(paper, picture.convert("RGBA"))
    return picture.convert(mode)
