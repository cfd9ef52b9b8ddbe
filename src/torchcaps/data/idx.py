"""Reading IDX, the file format of MNIST: a header of big-endian sizes, then the bytes.

0 0 | type (8: unsigned byte) | number of axes | one 4-byte size an axis | the values
"""

from __future__ import annotations

import gzip
import math
import zlib
from io import BufferedIOBase
from pathlib import Path

import torch
from torch import Tensor

_UNSIGNED_BYTE = 0x08
_GZIP_MAGIC = b"\x1f\x8b"
_GZIP_AT_MOST = 1040  # bytes out of one: deflate cannot do better
_MOST = 2_000_000_000  # values, forty times those of MNIST


def read_idx(path: str | Path, axes: int) -> Tensor:
    """The uint8 tensor in an IDX file, plain or gzipped, which must have this many axes.

    ValueError, naming the file: it is empty, damaged, of another format, of another rank, or
    longer or shorter than its header says.
    """
    path = Path(path)
    head = 4 + 4 * axes
    try:
        with unzipped(path) as file:
            data = file.read(head)
            shape = _shape(path, data, axes)
            data += file.read(math.prod(shape) + 1)  # one more: a longer file is damaged too
    except (EOFError, gzip.BadGzipFile, zlib.error) as cause:
        raise _bad(path, "a whole gzip file", f"a damaged one ({cause})") from cause
    if len(data) - head != math.prod(shape):
        got = f"{len(data)} bytes" + (" or more" if len(data) - head > math.prod(shape) else "")
        raise _bad(path, f"{head} bytes of header and one value for each of {shape}", got)
    return torch.frombuffer(bytearray(data), dtype=torch.uint8, offset=head).reshape(shape)


def unzipped(path: Path) -> BufferedIOBase:
    """The content, unzipped where it is gzip (told by its first bytes; its CRC is checked)."""
    with open(path, "rb") as file:
        zipped = file.read(2) == _GZIP_MAGIC
    return gzip.GzipFile(path) if zipped else open(path, "rb")


def _shape(path: Path, header: bytes, axes: int) -> list[int]:
    """What a header promises, which is not more than a file of this size can hold."""
    if len(header) < 4 or header[:2] != b"\0\0":
        raise _bad(
            path, "an IDX file, beginning with two zero bytes", f"{header[:4].hex() or 'nothing'}"
        )
    if header[2] != _UNSIGNED_BYTE or header[3] != axes:
        raise _bad(
            path,
            f"unsigned bytes (type 0x08) along {axes} axes",
            f"type 0x{header[2]:02x} along {header[3]} axes",
        )
    shape = [int.from_bytes(header[at : at + 4], "big") for at in range(4, 4 + 4 * axes, 4)]
    if len(header) < 4 + 4 * axes or 0 in shape:
        raise _bad(
            path,
            f"{4 + 4 * axes} bytes of header and at least one value for each of {shape}",
            f"{len(header)} bytes of it",
        )
    most = min(_MOST, _GZIP_AT_MOST * path.stat().st_size)
    if math.prod(shape) > most:
        raise _bad(path, f"at most {most:,} values in a file of its size", f"{shape}")
    return shape


def _bad(path: Path, expected: str, got: str) -> ValueError:
    return ValueError(
        f"read_idx, {path}: expected {expected}; got {got}; "
        "delete the file and fetch or copy it again"
    )
