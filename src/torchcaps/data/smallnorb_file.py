"""Reading the matrix files of smallNORB: a header of little-endian numbers, then the values.

magic, the type of the values | number of axes | sizes, at least three of them | the values
"""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Iterator
from io import BufferedIOBase
from pathlib import Path

import numpy as np

from .idx import unzipped

MAGIC = {"<u1": 0x1E3D4C55, "<i4": 0x1E3D4C54}
_MOST = 24_300  # rows, those of the official files
_AT_ONCE = 500


def read_matrix(path: Path, dtype: str, row: tuple[int, ...]) -> np.ndarray:
    """All rows [N, *row] of a file: see `read_rows`."""
    return np.concatenate(list(read_rows(path, dtype, row)))


def read_rows(path: Path, dtype: str, row: tuple[int, ...]) -> Iterator[np.ndarray]:
    """The rows [N, *row] of a file, plain or gzipped, in pieces; dtype is "<u1" or "<i4".

    ValueError, naming the file: it is damaged, of another format, type or shape, or longer or
    shorter than its header says.
    """
    each = np.dtype(dtype).itemsize * int(np.prod(row, dtype=int))
    try:
        with unzipped(path) as file:
            count = left = _rows(path, file, dtype, row)
            while left:
                some = min(left, _AT_ONCE)
                data = file.read(some * each)
                if len(data) < some * each:
                    raise _bad(path, f"{count} rows of {list(row)}, as its header says", "fewer")
                yield np.frombuffer(data, dtype).reshape(some, *row)
                left -= some
            if file.read(1):
                raise _bad(path, f"{count} rows of {list(row)}, as its header says", "more bytes")
    except (EOFError, gzip.BadGzipFile, zlib.error) as cause:
        raise _bad(path, "a whole gzip file", f"a damaged one ({cause})") from cause


def _rows(path: Path, file: BufferedIOBase, dtype: str, row: tuple[int, ...]) -> int:
    """How many rows the header promises, of this type and shape."""
    axes = 1 + len(row)
    head = file.read(8 + 4 * max(3, axes))
    if len(head) < 8 + 4 * max(3, axes) or head[:4] != struct.pack("<I", MAGIC[dtype]):
        expected = f"a smallNORB file, beginning with {struct.pack('<I', MAGIC[dtype]).hex()}"
        raise _bad(path, expected, head[:4].hex() or "nothing")
    found, *sizes = struct.unpack(f"<{1 + axes}i", head[4 : 8 + 4 * axes])
    if found != axes or tuple(sizes[1:]) != row or not 1 <= sizes[0] <= _MOST:
        expected = f"{axes} axes, at most {_MOST:,} rows of shape {list(row)}"
        raise _bad(path, expected, f"{found} axes, sizes {sizes}")
    return sizes[0]


def _bad(path: Path, expected: str, got: str) -> ValueError:
    return ValueError(
        f"smallnorb, {path}: expected {expected}; got {got}; "
        "delete the file and fetch or copy it again"
    )
