"""Power cuts, kill -9 and full disks lose the work since the last checkpoint and no more."""

import errno
import json
import os
import signal
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

import torchcaps as tc
from torchcaps.training import resume, train
from torchcaps.training.checkpoints import Checkpoint

KILLED_IN_A_WRITE = """
import json, os, signal, sys
from pathlib import Path
import torch
from torchcaps.training import Recipe, train

torch.set_num_threads(1)
recipe, folder, moment, file = sys.argv[1:]
honest = {"fsync": os.fsync, "replace": os.replace}[moment]
writes = 0

def killed(first, *rest):
    global writes
    path = os.readlink(f"/proc/self/fd/{first}") if moment == "fsync" else str(first)
    if f".{file}." in path and Path(path).parent.name != "best":
        writes += 1
        if writes == 2:
            if moment == "fsync":
                os.ftruncate(first, os.fstat(first).st_size // 2)
            os.kill(os.getpid(), signal.SIGKILL)
    return honest(first, *rest)

setattr(os, moment, killed)
train(Recipe(**json.loads(recipe)), folder, quiet=True)
"""


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="reads /proc for names of files")
@pytest.mark.parametrize(
    ("moment", "file"), [("fsync", "state.safetensors"), ("replace", "model.safetensors")]
)
def test_kill_9_in_mid_write_loses_nothing(recipe, whole_run, same_run, tmp_path, moment, file):
    folder = tmp_path / "run"
    arguments = [json.dumps(asdict(recipe())), str(folder), moment, file]
    killed = subprocess.run(
        [sys.executable, "-c", KILLED_IN_A_WRITE, *arguments], capture_output=True, text=True
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert list(folder.rglob(f".{file}.*.tmp")), "was not killed in the middle of the write"
    assert Checkpoint.read(folder / "checkpoint" / "state.safetensors").place.epoch == 1
    tc.load_model(folder)
    same_run(resume(folder, quiet=True), whole_run)


@pytest.mark.parametrize("failing", [1, 3, 6, 9])
def test_a_full_disk_stops_the_run_and_loses_nothing(
    recipe, whole_run, same_run, tmp_path, monkeypatch, failing
):
    """Whichever write of the second epoch fails."""
    folder, calls, fsync = tmp_path / "run", [], os.fsync

    def full(descriptor):
        if (folder / "checkpoint" / "state.safetensors").exists():
            calls.append(descriptor)
            if len(calls) == failing:
                raise OSError(errno.ENOSPC, "No space left on device")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left on device"):
        train(recipe(), folder, quiet=True)
    monkeypatch.undo()
    assert list(folder.rglob("*.tmp")) == []
    tc.load_model(folder)
    same_run(resume(folder, quiet=True), whole_run)
