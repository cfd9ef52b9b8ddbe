"""A full disk or a read-only folder: one line, exit code 2, and nothing that was there is lost."""

import errno
import os
from pathlib import Path

import pytest

import torchcaps as tc

TINY = ["--train-images", "64", "--batch-size", "32", "--quiet"]
FULL = (
    "No space left on device; check the disk's free space and the folder's permissions, "
    "or choose another --out"
)


@pytest.fixture
def full_after(monkeypatch):
    """full_after(n): the disk takes n more files, then it is full."""
    sync = os.fsync

    def fill(count):
        left = [count]

        def fail_later(descriptor):
            left[0] -= 1
            if left[0] < 0:
                raise OSError(errno.ENOSPC, "No space left on device")
            return sync(descriptor)

        monkeypatch.setattr(os, "fsync", fail_later)

    yield fill
    monkeypatch.setattr(os, "fsync", sync)


@pytest.mark.parametrize("files", range(8))
def test_a_disk_that_fills_up_in_training_leaves_only_whole_files(
    cli, refused, full_after, files, tmp_path, monkeypatch
):
    sync = os.fsync
    full_after(files)
    words = ["train", *TINY, "--epochs", 2, "--model", "cnn", "--out", "run"]
    assert refused(*words) == FULL
    monkeypatch.setattr(os, "fsync", sync)
    assert not list(tmp_path.rglob("*.tmp"))
    begun = (tmp_path / "run" / "config.yaml").exists()
    assert cli(*(["train", "--resume", "run", "--quiet"] if begun else words)).code == 0
    assert len((tmp_path / "run" / "metrics.jsonl").read_text().splitlines()) == 2
    assert tc.load_model(tmp_path / "run").name == "cnn"


def test_a_disk_that_fills_up_in_a_study_can_be_taken_up_again(cli, refused, full_after, tmp_path):
    words = ["study", "rotation", *TINY, "--epochs", 1, "--seeds", 1, "--angles", "[0]"]
    words += ["--model", "cnn", "--beside", "[capsnet_small]"]
    full_after(10)  # within the second model
    assert refused(*words, "--out", "s") == FULL
    full_after(99)
    assert not (tmp_path / "s" / "report.html").exists()
    assert cli("study", "rotation", "--resume", "s", "--quiet").code == 0
    assert (tmp_path / "s" / "report.html").is_file()


def test_a_full_disk_while_saving_a_reconstruction(refused, full_after, model, picture, tmp_path):
    folder, path = model(), picture("a.png")
    full_after(0)
    assert refused("predict", folder, path, "--save-reconstruction", "drawn") == FULL
    assert list((tmp_path / "drawn").iterdir()) == []


@pytest.mark.parametrize("command", ["train", "study rotation"])
@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (
            PermissionError(errno.EACCES, "Permission denied", "there"),
            "check who may read and write it (ls -l), or choose another folder",
        ),
        (
            OSError(errno.EROFS, "Read-only file system", "there"),
            "check the disk's free space and the folder's permissions, or choose another --out",
        ),
    ],
)
def test_a_folder_that_cannot_be_written_is_named(refused, monkeypatch, command, error, remedy):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(Path, "mkdir", fail)
    said = refused(*command.split(), *TINY, "--out", "there")
    assert said == f"{error.strerror} (there); {remedy}"


def test_a_file_in_the_way_of_a_folder(refused, tmp_path):
    (tmp_path / "file").write_text("mine")
    assert "Not a directory (file/run); check the" in refused("train", *TINY, "--out", "file/run")
    assert (tmp_path / "file").read_text() == "mine"
