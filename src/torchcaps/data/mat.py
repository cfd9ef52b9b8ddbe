"""Reading .mat files of Matlab, version 5, by scipy, which is an extra."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from torchcaps.quoting import cut


def read_mat(file: Path | BytesIO, where: str) -> dict[str, Any]:
    """The variables of a file by name; structures are objects with their fields as attributes.

    ValueError, beginning with `where`: scipy is not installed, or the file cannot be read.
    """
    try:
        from scipy.io import loadmat
    except ModuleNotFoundError:
        raise ValueError(
            f"{where}: expected scipy, which reads .mat files; it is not installed; run: pip "
            "install 'torchcaps[mat]'"
        ) from None
    try:
        return loadmat(file, squeeze_me=False, struct_as_record=False)
    except Exception as error:  # damage makes readers raise nearly anything
        raise ValueError(
            f"{where}: expected a .mat file of version 5; got one that cannot be read "
            f"({cut(error)}); delete it and fetch or copy it again"
        ) from None


def numbers(value: Any, where: str, shape: tuple[int | None, ...], dtype: type) -> np.ndarray:
    """`value` itself. ValueError unless it is an array of this shape, None being any size, and
    this type or one below it."""
    found = getattr(value, "shape", ())
    fits = len(found) == len(shape) and all(
        want in (None, got) for want, got in zip(shape, found, strict=True)
    )
    if fits and np.issubdtype(value.dtype, dtype):
        return value
    raise ValueError(
        f"{where}: expected {dtype.__name__} of shape {list(shape)}; got "
        f"{getattr(value, 'dtype', type(value).__name__)} of shape {list(found)}; fetch the file "
        "again"
    )
