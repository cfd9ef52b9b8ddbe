"""Reading IDX, the file format of MNIST: a header of big-endian sizes, then the bytes.

0 0 | type (8: unsigned byte) | number of axes | one 4-byte size an axis | the values
"""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path

import torch
from torch import Tensor

_UNSIGNED_BYTE = 0x08
_GZIP_MAGIC = b"\x1f\x8b"


def read_idx(path: str | Path, axes: int) -> Tensor:
    """The uint8 tensor in an IDX file, plain or gzipped, which must have this many axes.

    ValueError, naming the file: it is empty, damaged, of another format, of another rank, or
    longer or shorter than its header says.
    """
    path = Path(path)
    data = _read_bytes(path)
    head = 4 + 4 * axes
    if len(data) < 4 or data[:2] != b"\0\0":
        raise _bad(
            path, "an IDX file, beginning with two zero bytes", f"{data[:4].hex() or 'nothing'}"
        )
    if data[2] != _UNSIGNED_BYTE or data[3] != axes:
        raise _bad(
            path,
            f"unsigned bytes (type 0x08) along {axes} axes",
            f"type 0x{data[2]:02x} along {data[3]} axes",
        )
    shape = [int.from_bytes(data[at : at + 4], "big") for at in range(4, head, 4)]
    if len(data) < head or len(data) - head != math.prod(shape) or 0 in shape:
        raise _bad(
            path,
            f"{head} bytes of header and at least one value for each of {shape}",
            f"{len(data)} bytes",
        )
    return torch.frombuffer(bytearray(data[head:]), dtype=torch.uint8).reshape(shape)


def _read_bytes(path: Path) -> bytes:
    """The content, unzipped where it is gzip (told by its first bytes; its CRC is checked)."""
    data = path.read_bytes()
    if not data.startswith(_GZIP_MAGIC):
        return data
    try:
        return gzip.decompress(data)
    except (EOFError, OSError, zlib.error) as cause:
        raise _bad(path, "a whole gzip file", f"a damaged one ({cause})") from cause


def _bad(path: Path, expected: str, got: str) -> ValueError:
    return ValueError(
        f"read_idx, {path}: expected {expected}; got {got}; "
        "delete the file and fetch or copy it again"
    )
