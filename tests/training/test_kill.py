"""kill -9 before and after every file operation of a run: resuming it, or the same command again,
always ends with the same weights."""

import json
import os
import subprocess
import sys
from dataclasses import asdict

import pytest
from safetensors.torch import load_file

from torchcaps.training import train

# One interpreter that forks a child for every attempt: loading torch anew would take minutes.
SERVER = """
import json, os, signal, sys
from pathlib import Path
import torch
from torchcaps.training import Recipe, resume, train
from torchcaps.training.belongings import CONFIG, holds_nothing

torch.set_num_threads(1)
recipe, root = Recipe(**json.loads(sys.argv[1])), Path(sys.argv[2])
moments = 0
# What is loaded on first use is loaded here, once for all children.
recipe.build_model(recipe.load_data("validation"))
torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))], fused=True).zero_grad()

def moment():
    global moments
    if moments == killed_at:
        os.kill(os.getpid(), signal.SIGKILL)
    moments += 1

def audit(event, arguments):
    if event in ("open", "os.rename", "os.remove", "os.mkdir") and str(root) in str(arguments[0]):
        moment()

def fsync(file, honest=os.fsync):
    size = os.fstat(file).st_size
    if moments == killed_at:
        os.ftruncate(file, size // 2)
    moment()
    honest(file)

def attempt(at, work):
    global killed_at
    child = os.fork()
    if not child:
        killed_at = at
        os.fsync = fsync
        sys.addaudithook(audit)
        work()
        os._exit(0)
    return os.waitpid(child, 0)[1]

def go_on(folder):
    begun = not holds_nothing(folder, folder / CONFIG)
    resume(folder, quiet=True) if begun else train(recipe, folder, quiet=True)

for at in range(10_000):
    folder = root / str(at)
    status = attempt(at, lambda: train(recipe, folder, quiet=True))
    if status == 0:
        break
    assert os.WTERMSIG(status) == signal.SIGKILL, (at, status)
    assert attempt(None, lambda: go_on(folder)) == 0, at
print(at)
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_a_run_killed_at_a_file_operation_goes_on_to_the_same_weights(recipe, tmp_path):
    tiny = recipe(epochs=2, train_images=64, model_options={"hidden": 4}, model="cnn")
    whole = load_file(train(tiny, tmp_path / "whole", quiet=True) / "model.safetensors")
    words = [json.dumps(asdict(tiny)), str(tmp_path)]
    done = subprocess.run(
        [sys.executable, "-c", SERVER, *words], capture_output=True, text=True, timeout=540
    )
    assert done.returncode == 0, done.stderr
    moments = int(done.stdout)
    assert moments > 50, "an epoch alone has more"
    for at in range(moments):
        found = load_file(tmp_path / str(at) / "model.safetensors")
        assert all(found[name].equal(value) for name, value in whole.items()), at
        assert not list((tmp_path / str(at)).rglob(".*")), at
