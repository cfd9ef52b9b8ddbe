import errno
import os

import pytest

from torchcaps.files import write_whole


def full_disk(*_):
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("content", [b"\x00\xff\r\n", "Größe\n"])
def test_bytes_and_text_arrive_unchanged_in_folders_made_on_the_way(tmp_path, content):
    path = write_whole(tmp_path / "a" / "b" / "file", content)
    assert path == tmp_path / "a" / "b" / "file"
    assert path.read_bytes() == (content if isinstance(content, bytes) else content.encode())


def test_a_new_file_takes_the_old_ones_place_and_leaves_no_other(tmp_path):
    write_whole(tmp_path / "file", "old")
    write_whole(tmp_path / "file", "new")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "new"


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_a_full_disk_leaves_the_old_file_and_no_temporary_one(tmp_path, monkeypatch, failing):
    write_whole(tmp_path / "file", "old")
    monkeypatch.setattr(os, failing, full_disk)
    with pytest.raises(OSError, match="No space left"):
        write_whole(tmp_path / "file", "new")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "old"


def test_ctrl_c_in_mid_write_leaves_the_old_file_and_no_temporary_one(tmp_path, monkeypatch):
    def ctrl_c(*_):
        raise KeyboardInterrupt

    write_whole(tmp_path / "file", "old")
    monkeypatch.setattr(os, "fsync", ctrl_c)
    with pytest.raises(KeyboardInterrupt):
        write_whole(tmp_path / "file", "new")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "old"


def test_the_name_is_changed_only_after_the_content_is_on_the_disk(tmp_path, monkeypatch):
    """Otherwise a power cut leaves an empty file under the right name."""
    calls = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda fd: (calls.append("fsync"), fsync(fd)))
    monkeypatch.setattr(os, "replace", lambda a, b: (calls.append("replace"), replace(a, b)))
    write_whole(tmp_path / "file", "new")
    assert calls == ["fsync", "replace"]


def test_a_folder_that_cannot_be_written_says_so(tmp_path):
    (tmp_path / "file").write_text("I am no folder")
    with pytest.raises(OSError, match="file"):
        write_whole(tmp_path / "file" / "inside", "new")
    assert (tmp_path / "file").read_text() == "I am no folder"
