"""Reading one picture to the shape a model takes."""

from __future__ import annotations

from io import BytesIO
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
    return stretch(_open(Path(path)), in_shape)


def _open(path: Path) -> Image.Image:
    """The decoded picture of a file that is there."""
    if not path.is_file():
        what = "a folder" if path.is_dir() else "nothing there"
        raise ValueError(f"read_image, {path}: expected a picture file; got {what}; check the path")
    if path.stat().st_size == 0:
        raise ValueError(
            f"read_image, {path}: expected a picture; got an empty file; delete or replace it"
        )
    return decode(path, f"read_image, {path}")


def decode(
    file: Path | BytesIO,
    where: str,
    *,
    formats: tuple[str, ...] | None = None,
    largest: int | None = None,
) -> Image.Image:
    """The decoded picture, upright; only of these formats, and at most so many pixels a side,
    which is known before a pixel is decoded.

    ValueError, beginning with `where`: it is damaged, another format, too large, or no picture.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    expected = "PNG, JPEG or other" if formats is None else " or ".join(formats)
    try:
        with Image.open(file, formats=formats) as opened:
            if largest is None or max(opened.size) <= largest:
                opened.load()
                return ImageOps.exif_transpose(opened)
            width, height = opened.size
    except Exception as cause:  # damage makes decoders raise nearly anything
        reason = "no known format" if isinstance(cause, UnidentifiedImageError) else cause
        raise ValueError(
            f"{where}: expected a whole {expected} picture; got one that "
            f"cannot be decoded ({reason}); delete or replace it"
        ) from cause
    raise ValueError(
        f"{where}: expected a picture of at most {largest} pixels a side; got {width} x {height}; "
        "make it smaller"
    )


def stretch(picture: Image.Image, in_shape: tuple[int, int, int]) -> Tensor:
    """A decoded picture as a uint8 tensor of this shape, in the way of `read_pixels`."""
    from PIL import Image

    channels, height, width = in_shape
    picture = flatten(picture, _MODES[channels])
    picture = picture.resize((width, height), Image.Resampling.BILINEAR)
    pixels = torch.from_numpy(np.array(picture))
    return pixels.reshape(height, width, channels).permute(2, 0, 1).contiguous()


def flatten(picture: Image.Image, mode: str, paper: str = "white") -> Image.Image:
    """Grey or RGB of 8 bits, transparency laid on paper; 16-bit grey is scaled (PIL alone would
    clip it)."""
    from PIL import Image

    if picture.mode.startswith("I"):
        picture = Image.fromarray((np.asarray(picture) >> 8).astype(np.uint8))
    if picture.has_transparency_data:
        sheet = Image.new("RGBA", picture.size, paper)
        picture = Image.alpha_composite(sheet, picture.convert("RGBA"))
    return picture.convert(mode)
