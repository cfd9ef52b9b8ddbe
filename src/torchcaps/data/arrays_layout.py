"""What the axes and the numbers of an array are."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

_COLOURS = (1, 3, 4)


class Channels(NamedTuple):
    """Where the axis of channels is ("auto" to find out), and what tells it: whether the array is
    one of images, and how many positions the longest signal of the file has."""

    asked: str
    images: bool = False
    longest: int | None = None


def channels_first(values: np.ndarray, channels: Channels, where: str) -> np.ndarray:
    """[N,C,*size] of 1 to 3 axes; a ValueError where it is in doubt what an axis is."""
    size = values.shape[1:]
    asked = _found(size, channels, where) if channels.asked == "auto" else channels.asked
    axes = len(size) - (asked != "none")
    if not 1 <= axes <= 3 or values.size == 0:
        raise ValueError(
            f"{where}: expected [N,C,*size] with 1 to 3 axes of positions, none of them 0; got "
            f"{list(values.shape)} with channels {asked}; add the axis that is missing"
        )
    return (
        values[:, None] if asked == "none" else np.moveaxis(values, -1 if asked == "last" else 1, 1)
    )


def _found(size: tuple[int, ...], channels: Channels, where: str) -> str:
    """What leaves no doubt."""
    if len(size) == 1 or (len(size) == 2 and channels.images):
        return "none"
    if len(size) == 2 and channels.longest is not None:  # only positions hold the longest signal
        first, last = size[1] >= channels.longest, size[0] >= channels.longest
    elif len(size) == 2:
        first, last = size[0] == 1, size[1] == 1
    elif len(size) == 3 and len({*size}) == 1 and size[0] not in _COLOURS:
        return "none"
    else:
        first, last = (bool(size) and size[at] in _COLOURS for at in (0, -1))
    if first == last:
        raise ValueError(
            f"{where}, channels: expected a shape that tells which axis is that of channels; got "
            f"{[*size]} for each; say it: channels first, last or none, an option of the data"
        )
    return "first" if first else "last"


def values_of(values: np.ndarray, lengths: Tensor | None, where: str) -> Tensor:
    """Bytes as they are, other numbers as float32; NaN where a signal has ended."""
    if values.dtype.kind not in "iuf":
        raise ValueError(f"{where}: expected numbers; got {values.dtype}; write them as float32")
    with np.errstate(over="ignore"):  # infinite numbers are refused
        numbers = values if values.dtype == np.uint8 else values.astype(np.float32)
    found = torch.from_numpy(np.ascontiguousarray(numbers))
    if lengths is None:
        return found
    longest = found.shape[-1]
    if (
        found.ndim != 3
        or len(lengths) != len(found)
        or not 1 <= int(lengths.min()) <= int(lengths.max()) <= longest
    ):
        raise ValueError(
            f"{where}: expected signals [N,C,L] with lengths of 1 to L for each; got "
            f"{list(found.shape)} and {len(lengths)} lengths of {int(lengths.min())} to "
            f"{int(lengths.max())}; correct the lengths, or leave them out"
        )
    ended = torch.arange(longest) >= lengths[:, None]
    if not ended.any():
        return found
    floats = found.float() / 255 if found.dtype == torch.uint8 else found
    return floats.masked_fill(ended[:, None], torch.nan)
