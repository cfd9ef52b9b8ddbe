"""Reading .npy and .npz, numpy's files, which may come from anyone: no pickle, no surprise in size.

A .npz is a zip of .npy members; a member is a header (type, order, shape) and the numbers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile

import numpy as np
from numpy.lib import format as npy

from torchcaps.quoting import cut, listed

_MOST = 4_000_000_000  # bytes of one array
_DEFLATE_AT_MOST = 1040  # bytes out of one


class Npz:
    """A .npz file: the names of its arrays, and each of them when it is asked for.

    ValueError, beginning with `where`: no such file, no zip, or an array that is damaged, pickled,
    larger than 4 GB, or not of numbers or text.
    """

    def __init__(self, path: Path, where: str) -> None:
        self.path, self.where = path, where
        try:
            with ZipFile(path) as archive:
                names = archive.namelist()
        except Exception as error:  # damage makes readers raise nearly anything
            raise ValueError(
                f"{where}: expected a .npz file; got {_said(error, path)}; write one with "
                "numpy.savez or numpy.savez_compressed"
            ) from None
        self.names: Sequence[str] = [name[:-4] for name in names if name.endswith(".npy")]
        if len({*self.names}) < len(self.names):
            raise ValueError(
                f"{where}: expected arrays of different names; got {listed(self.names)}; "
                "write the file again"
            )

    def __getitem__(self, name: str) -> np.ndarray:
        where = f"{self.where}, {name}"
        try:
            with ZipFile(self.path) as archive:
                member = archive.getinfo(f"{name}.npy")
                if member.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
                    raise BadZipFile("compressed in another way than numpy does")
                packed = min(member.compress_size, self.path.stat().st_size)
                if member.file_size > _DEFLATE_AT_MOST * packed:
                    raise BadZipFile("says that it is larger than it can be")
                with archive.open(member) as file:
                    _check_header(file, member.file_size)
                with archive.open(member) as file:
                    return npy.read_array(file, allow_pickle=False)
        except Exception as error:  # damage makes readers raise nearly anything
            raise _bad_array(where, error, self.path) from None


def read_npy(path: Path, where: str) -> np.ndarray:
    """The array of a .npy file. ValueError, beginning with `where`, as for `Npz`."""
    try:
        with open(path, "rb") as file:
            _check_header(file, path.stat().st_size)
            file.seek(0)
            return npy.read_array(file, allow_pickle=False)
    except Exception as error:
        raise _bad_array(where, error, path) from None


def _check_header(file: Any, size: int) -> None:
    """Raise a ValueError unless the header promises what a member of `size` bytes holds."""
    version = npy.read_magic(file)
    if version == (1, 0):
        shape, _, dtype = npy.read_array_header_1_0(file)
    elif version == (2, 0):
        shape, _, dtype = npy.read_array_header_2_0(file)
    else:
        raise ValueError(f"version {version} of the format")
    if dtype.kind not in "uifbSU":
        raise ValueError(f"{dtype}, which is neither numbers nor text")
    if size > _MOST:
        raise ValueError(f"{size:,} bytes; at most {_MOST:,} are read")
    if file.tell() + math.prod(shape) * dtype.itemsize != size:
        raise ValueError(f"{size:,} bytes, which are not those of {list(shape)} {dtype}")


def _bad_array(where: str, error: Exception, path: Path) -> ValueError:
    return ValueError(
        f"{where}: expected a whole array of numbers or text; got {_said(error, path)}; "
        "write it again with numpy"
    )


def _said(error: Exception, path: Path) -> str:
    if isinstance(error, FileNotFoundError):
        return "nothing there"
    if isinstance(error, IsADirectoryError) or path.is_dir():
        return "a folder"
    return f"one that cannot be read ({cut(error)})"
