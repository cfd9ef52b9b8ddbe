"""From a picture file to a picture of 8 bits: which formats, how large, which numbers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from torchcaps.quoting import cut

if TYPE_CHECKING:
    from PIL import Image

SUFFIXES = {  # of the formats that are read
    "PNG": (".png",),
    "JPEG": (".jpg", ".jpeg"),
    "BMP": (".bmp",),
    "GIF": (".gif",),
    "TIFF": (".tif", ".tiff"),
    "WEBP": (".webp",),
    "PPM": (".pgm", ".ppm", ".pbm"),
    "AVIF": (".avif",),
}
MOST_PIXELS = 50_000_000  # decoding more would take gigabytes, whatever the file's own size
_PLAIN = ("1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr")
_TIFF_BITS, _TIFF_PHOTOMETRIC, _BLACK_IS_ZERO = 258, 262, 1


@cache
def raster_formats() -> tuple[str, ...]:
    """The formats that are read, as PIL names them. Never EPS, PS or PDF, for which PIL would run
    another program."""
    from PIL import features

    return tuple(name for name in SUFFIXES if name != "AVIF" or features.check("avif"))


def decode(
    file: Path | BytesIO,
    where: str,
    *,
    formats: tuple[str, ...] | None = None,
    largest: int | None = None,
) -> Image.Image:
    """The decoded picture of 8 bits, upright; only of these formats (default: all raster formats),
    of at most 50 million pixels and so many a side, which is known before a pixel is decoded.

    Grey of 16 bits is divided by 65535, floating grey in [0,1] is taken as it is; the first of
    several frames is read.

    ValueError, beginning with `where`: it is damaged, another format, too large, or no picture, or
    its numbers have no stated range.
    """
    from PIL import ImageOps

    with opened(file, where, formats=formats, largest=largest) as picture:
        picture.load()
        return _eight_bits(ImageOps.exif_transpose(picture), picture, where)


@contextmanager
def opened(
    file: Path | BytesIO,
    where: str,
    *,
    formats: tuple[str, ...] | None = None,
    largest: int | None = None,
) -> Iterator[Image.Image]:
    """The picture of which no pixel is decoded yet: only its header is read. Refuses what `decode`
    does, as far as it is known then; what fails within the region is damage too."""
    from PIL import Image, UnidentifiedImageError

    expected = "PNG, JPEG or other raster" if formats is None else " or ".join(formats)
    try:
        with Image.open(file, formats=formats or raster_formats()) as picture:
            if _small(picture.size, largest):
                yield picture
                return
            width, height = picture.size
    except _NoRange:
        raise
    except PermissionError as cause:
        raise ValueError(
            f"{where}: expected a picture that may be read; got {cause.strerror}; check who may "
            "read it (ls -l)"
        ) from cause
    except Exception as cause:  # damage makes decoders raise nearly anything
        reason = "no known format" if isinstance(cause, UnidentifiedImageError) else cut(cause)
        raise ValueError(
            f"{where}: expected a whole {expected} picture; got one that "
            f"cannot be decoded ({reason}); delete or replace it"
        ) from cause
    most = f"{MOST_PIXELS:,} pixels" if largest is None else f"{largest} pixels a side"
    raise ValueError(
        f"{where}: expected a picture of at most {most}; got {width} x {height}; make it smaller"
    )


def _small(size: tuple[int, int], largest: int | None) -> bool:
    return size[0] * size[1] <= MOST_PIXELS and (largest is None or max(size) <= largest)


class _NoRange(ValueError):
    """Pixels of which nobody says what is black and what is white."""


def _eight_bits(picture: Image.Image, opened: Image.Image, where: str) -> Image.Image:
    """Numbers beyond 8 bits scaled by what their format promises; PIL alone would clip them."""
    from PIL import Image

    mode = picture.mode
    if mode in _PLAIN:
        return picture
    pixels = np.asarray(picture, dtype=np.float64)
    tags = getattr(opened, "tag_v2", {})
    plain = tags.get(_TIFF_PHOTOMETRIC, _BLACK_IS_ZERO) == _BLACK_IS_ZERO
    bits = tags.get(_TIFF_BITS, (16,))[0]
    if plain and (
        (mode.startswith("I;16") and bits == 16) or (mode == "I" and opened.format == "PPM")
    ):
        unit = pixels / 65535
    elif plain and mode == "F" and bool(((pixels >= 0) & (pixels <= 1)).all()):  # not of NaN
        unit = pixels
    else:
        what = "LAB" if mode == "LAB" else f"{cut(mode)} from {pixels.min():g} to {pixels.max():g}"
        raise _NoRange(
            f"{where}: expected 8 or 16 bits a pixel (unsigned, 0 black) or floats in [0,1]; got "
            f"{what}; save it as PNG of 8 or 16 bits, scaled as you mean it"
        )
    return Image.fromarray((unit * 255).round().astype(np.uint8))
