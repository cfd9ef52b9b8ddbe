"""torchrun on two processes of this machine trains the model that one process would."""

import json
import os
import subprocess
import sys
from dataclasses import asdict

import pytest
import torch
from safetensors.torch import load_file

from torchcaps.training import train
from torchcaps.training.run_folder import read_metrics

SCRIPT = """
import json, os, signal, sys
from pathlib import Path
from accelerate import PartialState
import torch
import torchcaps as tc
from torchcaps.training import Interrupted, Recipe, evaluate, resume, train
from torchcaps.training.progress import TrainingProgress

torch.set_num_threads(1)
recipe, folder = Recipe(**json.loads(sys.argv[1])), Path(sys.argv[2])
rank = int(os.environ["RANK"])
train(recipe, folder / "run", quiet=True)

model, validation = tc.load_model(folder / "run"), recipe.load_data("validation")
told = {
    str(count): evaluate(model, validation.first(count), model.make_loss(), batch_size=40)
    for count in (180, 179, 1)
}

def step(self, epoch, batch, loss):  # Ctrl-C reaches one process alone
    if (rank, epoch, batch) == (1, 2, 2):
        os.kill(os.getpid(), signal.SIGINT)

honest, TrainingProgress.step = TrainingProgress.step, step
try:
    train(recipe, folder / "interrupted", quiet=True)
except Interrupted as stop:
    told["stopped"] = str(stop)
TrainingProgress.step = honest
resume(folder / "interrupted", quiet=True)
(folder / f"told{rank}.json").write_text(json.dumps(told))
PartialState().destroy_process_group()
"""


@pytest.fixture(scope="module")
def one(recipe, tmp_path_factory):
    return train(recipe(epochs=2), tmp_path_factory.mktemp("one") / "run", quiet=True)


@pytest.fixture(scope="module")
def two(recipe, tmp_path_factory):
    folder = tmp_path_factory.mktemp("two")
    (folder / "script.py").write_text(SCRIPT)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    arguments = [str(folder / "script.py"), json.dumps(asdict(recipe(epochs=2))), str(folder)]
    done = subprocess.run(
        [*torchrun, "--nproc-per-node", "2", *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"},
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return folder


@pytest.fixture(scope="module")
def told(two):
    return [json.loads((two / f"told{rank}.json").read_text()) for rank in (0, 1)]


def test_weights_and_metrics_are_those_of_one_process(one, two):
    alone, shared = (load_file(f / "model.safetensors") for f in (one, two / "run"))
    assert alone.keys() == shared.keys()
    for name, value in alone.items():
        torch.testing.assert_close(shared[name], value, rtol=0, atol=1e-4)
    for found, expected in zip(read_metrics(two / "run"), read_metrics(one), strict=True):
        assert found["accuracy"] == expected["accuracy"]
        for name in ("loss", "validation_loss", "reconstruction_mse"):
            assert found[name] == pytest.approx(expected[name], rel=1e-4), name


def test_one_process_writes(two):
    assert [line["epoch"] for line in read_metrics(two / "run")] == [1, 2]
    assert list(two.rglob("*.tmp")) == []


@pytest.mark.parametrize("count", [180, 179, 1])
def test_both_are_told_the_same_and_each_image_is_counted_once(told, count):
    """An odd number too, and fewer images than processes."""
    accuracy, loss, _, images = told[0][str(count)]
    assert told[1][str(count)] == told[0][str(count)]
    assert images == count
    assert (accuracy * count) == pytest.approx(round(accuracy * count))
    assert loss > 0


def test_the_shared_evaluation_is_that_of_one_process(two, told, recipe):
    import torchcaps as tc
    from torchcaps.training import evaluate

    model = tc.load_model(two / "run")
    found = evaluate(model, recipe().load_data("validation").first(179), model.make_loss())
    accuracy, loss, mse, _ = told[0]["179"]
    assert accuracy == found.accuracy
    assert loss == pytest.approx(found.loss, rel=1e-5)
    assert mse == pytest.approx(found.reconstruction_mse, rel=1e-5)


def test_ctrl_c_on_one_process_stops_both_and_resuming_is_exact(two, told, same_run):
    for stopped in told:
        assert stopped["stopped"].startswith("stopped after epoch 1, batch 2; continue with")
    same_run(two / "interrupted", two / "run")
