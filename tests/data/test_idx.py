import gzip
import tracemalloc

import numpy as np
import pytest
import torch

from torchcaps.data.idx import read_idx

VALUES = np.arange(2 * 3 * 4).reshape(2, 3, 4) + 200


@pytest.mark.parametrize("name", ["plain", "zipped.gz"])
def test_reads_what_was_written(tmp_path, write_idx, name):
    read = read_idx(write_idx(tmp_path / name, VALUES), axes=3)
    assert read.dtype == torch.uint8
    assert torch.equal(read, torch.from_numpy(VALUES.astype(np.uint8)))


def test_gzip_is_told_by_content_and_not_by_name(tmp_path, write_idx):
    zipped = write_idx(tmp_path / "a.gz", VALUES)
    assert torch.equal(read_idx(zipped.rename(tmp_path / "a"), 3), read_idx(tmp_path / "a", 3))


def cut_short(data):
    return data[:-1]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda data: b"", "expected an IDX file, .* got nothing"),
        (lambda data: b"\0\0", "expected an IDX file, .* got 0000"),
        (lambda data: b"<html>not found</html>", "expected an IDX file, .* got 3c68746d"),
        (cut_short, r"expected 16 bytes of header and .* \[2, 3, 4\]; got 39 bytes"),
        (lambda data: data + b"\0", r"expected 16 bytes of header and .*; got 41 bytes or more"),
        (lambda data: data[:10], "expected 16 bytes of header and .*; got 10 bytes of it"),
        (
            lambda data: data[:4] + b"\xff" * 12,
            r"expected at most 16,640 values .*; got .4294967295,",
        ),
        (lambda data: b"\0\0\x0d" + data[3:], "expected unsigned bytes .*; got type 0x0d along 3"),
        (lambda data: data[:3] + b"\1" + data[4:], ".*along 3 axes; got type 0x08 along 1 axes"),
        (lambda data: data[:4] + b"\0" * 12, r".*at least one value for each of \[0, 0, 0\]"),
        (lambda data: gzip.compress(data)[:-9], "expected a whole gzip file; got a damaged one"),
        (lambda data: gzip.compress(data)[:5], "expected a whole gzip file; got a damaged one"),
    ],
)
def test_a_spoiled_file_is_named_with_the_remedy(tmp_path, write_idx, spoil, message):
    path = write_idx(tmp_path / "images", VALUES)
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(ValueError, match=f"read_idx, .*images: {message}.*; delete the file and"):
        read_idx(path, axes=3)


def test_one_changed_byte_in_a_gzip_is_found(tmp_path, write_idx):
    path = write_idx(tmp_path / "images.gz", VALUES)
    data = bytearray(path.read_bytes())
    data[-6] ^= 1  # in the CRC
    path.write_bytes(data)
    with pytest.raises(ValueError, match="expected a whole gzip file"):
        read_idx(path, axes=3)


def test_no_more_is_unzipped_than_the_header_promises(tmp_path):
    """A megabyte of gzip can hold a gigabyte."""
    path = tmp_path / "images.gz"
    header = bytes([0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3])
    path.write_bytes(gzip.compress(header + bytes(300_000_000), 1))
    tracemalloc.start()
    with pytest.raises(ValueError, match=r"for each of \[1, 2, 3\]; got 23 bytes or more"):
        read_idx(path, axes=3)
    assert tracemalloc.get_traced_memory()[1] < 10_000_000
    tracemalloc.stop()
