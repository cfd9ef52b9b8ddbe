"""Masks as people save them: what their numbers mean, and how they are read from pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from .decoding import decode, raster_formats
from .images import Fit, fitted

_MOST = 100  # classes that masks without names may have
WHITE = 255


def read_mask(path: Path, where: str) -> np.ndarray:
    """The numbers of a mask, uint8 [H, W]: the indices of an indexed picture (not its colours), the
    values of a grey one, 0 and 1 of one of a bit a pixel.

    ValueError, beginning with `where`: colours, numbers beyond 8 bits, or no picture.
    """
    from PIL import Image

    picture = decode(path, where)
    with Image.open(path, formats=raster_formats()) as opened:
        mode = opened.mode  # before numbers beyond 8 bits were scaled
    if mode not in ("1", "L", "P"):
        raise ValueError(
            f"{where}: expected one number a pixel, an indexed or grey picture of 8 bits; "
            f"got mode {mode}; write class numbers, as PIL.Image.fromarray of bytes does"
        )
    return np.asarray(picture).astype(np.uint8)


def resized_mask(numbers: np.ndarray, size: Sequence[int], fit: Fit) -> Tensor:
    """A mask uint8 [H, W] of this size, in the way of `images.resized`: each pixel takes the number
    of the nearest, and what "pad" fills is background."""
    from PIL import Image

    height, width = size
    nearest = Image.Resampling.NEAREST
    picture = fitted(Image.fromarray(numbers), (width, height), fit, nearest, 0)
    return torch.from_numpy(np.array(picture))


def numbers_used(masks: Sequence[np.ndarray]) -> set[int]:
    """The numbers that any of these masks has."""
    return {int(n) for mask in masks for n in np.unique(mask)}


def is_white(numbers: set[int]) -> bool:
    """Whether white, 255, stands for class 1."""
    return numbers == {0, WHITE} or numbers == {WHITE}


def class_names(numbers: set[int], named: Sequence[str] | None, where: str) -> tuple[str, ...]:
    """The names of the classes that masks of these numbers have: those given, or "background", "1",
    "2" and so on. Masks of 0 and 255 alone have two classes.

    ValueError, beginning with `where`: numbers that are no class, or too many to be meant.
    """
    highest = 1 if is_white(numbers) else max(numbers, default=0)
    most = _MOST if named is None else len(named)
    if min(numbers, default=0) < 0 or highest >= most:
        raise ValueError(
            f"{where}: expected class numbers from 0 to {most - 1}, or 0 and {WHITE} alone; got "
            f"{min(numbers)} to {max(numbers)}; number the classes from 0 (a number for pixels "
            "of no class is not known: give them one)"
        )
    if named is not None:
        return tuple(named)
    return ("background", *(str(n) for n in range(1, max(highest, 1) + 1)))
