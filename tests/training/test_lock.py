"""One process at a time in a run folder, also after a crash."""

import os
import signal
import subprocess
import sys

import pytest

from torchcaps.training import resume, train
from torchcaps.training.lock import LOCK, locked

HOLDER = """
import sys, time
from pathlib import Path
from torchcaps.training.lock import locked

with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the lock of tmp_path / "run"."""
    command = [sys.executable, "-c", HOLDER, str(tmp_path / "run")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_run_in_use_is_refused_until_its_process_ends(holder, recipe, whole_run, tmp_path):
    folder = tmp_path / "run"
    recipe().save(folder / "config.yaml")
    text = f"got a run in use by process {holder.pid}; wait for it, stop it, or choose another"
    for attempt in (
        lambda: train(recipe(), folder, quiet=True),
        lambda: train(recipe(), folder, quiet=True, overwrite=True),
        lambda: resume(folder, quiet=True),
    ):
        with pytest.raises(ValueError, match=text):
            attempt()
    assert {path.name for path in folder.iterdir()} == {LOCK, "config.yaml"}
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    with locked(folder):
        assert (folder / LOCK).read_text() == str(os.getpid())
    assert not (folder / LOCK).exists()


def test_a_lock_is_held_once_also_within_a_process(tmp_path):
    text = f"in use by process {os.getpid()}"
    with locked(tmp_path), pytest.raises(ValueError, match=text), locked(tmp_path):
        pass
    with locked(tmp_path):
        pass


def test_a_lock_file_that_its_owner_just_removed_is_not_a_lock(tmp_path, monkeypatch):
    """It is opened, then its owner removes it: whoever comes next would make another."""
    from torchcaps.training import lock

    honest, opened = lock._open, []

    def removed_at_first(path):
        file = honest(path)
        if not opened:
            path.unlink()
        opened.append(file)
        return file

    monkeypatch.setattr(lock, "_open", removed_at_first)
    with locked(tmp_path):
        assert len(opened) == 2
        with pytest.raises(ValueError, match="in use by"), locked(tmp_path):
            pass
