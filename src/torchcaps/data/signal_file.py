"""Reading one signal to the shape a model takes."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import pad

from .arrays_layout import values_of
from .dataset import as_unit_float
from .npz import read_npy


def read_signal(path: str | PathLike[str], in_shape: tuple[int, ...]) -> Tensor:
    """A .npy file as a float32 signal `[C, L]` of this shape, with NaN where it is shorter: its
    array is `[C, n]`, or `[n]` where C is 1, n at most L. Of volumes it is `[C, D, H, W]`, or
    `[D, H, W]`. Bytes are divided by 255, other numbers are what they are.

    ValueError, naming the file: it is missing, damaged or no .npy, of another shape, or has numbers
    that are not finite.
    """
    where = f"read_signal, {path}"
    values = values_of(read_npy(Path(path), where), None, where)
    if in_shape[0] == 1 and values.ndim == len(in_shape) - 1:
        values = values[None]
    missing = in_shape[-1] - values.shape[-1] if values.ndim == len(in_shape) else -1
    # Only a signal may be shorter than the longest.
    shorter = len(in_shape) == 2 and missing > 0
    fits = values.shape[:-1] == in_shape[:-1] and (missing == 0 or shorter)
    if not fits or values.numel() == 0:
        raise ValueError(
            f"{where}: expected an array of {[*in_shape]}, channels first, a signal perhaps "
            f"shorter; got {[*values.shape]}; cut it, or move the axes with numpy"
        )
    if not values.isfinite().all():
        raise ValueError(f"{where}: expected finite numbers; got others; fill them in first")
    return pad(as_unit_float(values), (0, missing), value=torch.nan)
