"""torchrun on two processes of this machine trains the model that one process would."""

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

import torchcaps as tc
from torchcaps.training import Recipe, evaluate, resume, train
from torchcaps.training.run_folder import read_metrics

SCRIPT = """
import json, os, signal, sys
from pathlib import Path
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
"""


KILLED = """
import os, signal, sys
import torch
from torchcaps.cli.main import main
from torchcaps.training.progress import TrainingProgress

torch.set_num_threads(1)

def step(self, epoch, batch, loss):
    if (os.environ["RANK"], epoch, batch) == (sys.argv[1], 2, 2):
        os.kill(os.getpid(), signal.SIGKILL)

TrainingProgress.step = step
sys.exit(main(sys.argv[2:]))
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(torch.cuda.device_count() == 1, reason="two processes need two GPUs"),
]


def test_torchrun_trains_the_model_of_one_process(recipe, same_run, tmp_path):
    """One test, so that the processes are started once."""
    two_epochs = recipe(epochs=2, accumulate=2, clip=1.0, class_weights="balanced")
    (tmp_path / "script.py").write_text(SCRIPT)
    done = torchrun(tmp_path / "script.py", json.dumps(asdict(two_epochs)), tmp_path)
    assert done.returncode == 0, done.stderr[-4000:]
    told = [json.loads((tmp_path / f"told{rank}.json").read_text()) for rank in (0, 1)]
    one = train(two_epochs, tmp_path / "one", quiet=True)

    weights_and_metrics_are_equal_within_rounding(one, tmp_path / "run")
    each_image_is_counted_once(told)
    evaluation_is_that_of_one_process(told[0]["179"], tmp_path / "run", two_epochs)
    assert list(tmp_path.rglob("*.tmp")) == []
    for stopped in told:
        assert stopped["stopped"].startswith("stopped after epoch 1, batch 2; continue with")
    same_run(tmp_path / "interrupted", tmp_path / "run")


def test_the_line_of_the_readme_trains_one_model(tmp_path):
    words = ["--train-images", "64", "--epochs", "1", "--out", str(tmp_path / "run")]
    done = torchrun("-m", "torchcaps", "train", *words)
    assert done.returncode == 0, done.stderr[-4000:]
    assert done.stdout.count("test it with: torchcaps evaluate") == 1
    assert len(read_metrics(tmp_path / "run")) == 1


@pytest.mark.parametrize("killed", [0, 1])
def test_where_one_process_is_killed_the_other_says_so(recipe, whole_run, tmp_path, killed):
    """And one process alone can take up what the two began."""
    (tmp_path / "script.py").write_text(KILLED)
    recipe().save(tmp_path / "recipe.yaml")
    words = ["train", "--config", tmp_path / "recipe.yaml", "--out", tmp_path / "run", "--quiet"]
    done = torchrun(tmp_path / "script.py", killed, *words)
    assert done.returncode != 0
    said = [line for line in done.stderr.splitlines() if line.startswith("torchcaps: ")]
    assert said == [
        "torchcaps: another of the 2 processes of this run ended; "
        f"continue with: torchcaps train --resume {tmp_path / 'run'}"
    ]
    weights_and_metrics_are_equal_within_rounding(whole_run, resume(tmp_path / "run", quiet=True))


def torchrun(*words: object) -> subprocess.CompletedProcess[str]:
    """Run this on two processes."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    return subprocess.run(
        [*command, "--nproc-per-node", "2", *map(str, words)],
        capture_output=True,
        text=True,
        timeout=300,
    )


def weights_and_metrics_are_equal_within_rounding(one: Path, two: Path) -> None:
    alone, shared = (load_file(f / "model.safetensors") for f in (one, two))
    assert alone.keys() == shared.keys()
    for name, value in alone.items():
        torch.testing.assert_close(shared[name], value, rtol=0, atol=1e-4)
    for found, expected in zip(read_metrics(two), read_metrics(one), strict=True):
        assert found["accuracy"] == expected["accuracy"]
        for name in ("loss", "validation_loss", "reconstruction_mse"):
            assert found[name] == pytest.approx(expected[name], rel=1e-4), name


def each_image_is_counted_once(told: list[dict[str, Any]]) -> None:
    """Of an odd number too, and of fewer images than processes; both are told the same."""
    for count in (180, 179, 1):
        assert told[0][str(count)] == told[1][str(count)]
        accuracy, loss, _, images, score = told[0][str(count)]
        assert score == accuracy
        assert images == count
        assert accuracy * count == pytest.approx(round(accuracy * count))
        assert loss > 0


def evaluation_is_that_of_one_process(shared: list[float], run: Path, recipe: Recipe) -> None:
    model = tc.load_model(run)
    dataset = recipe.load_data("validation").first(179)
    found = evaluate(model, dataset, model.make_loss())
    assert shared[0] == found.accuracy
    assert shared[1] == pytest.approx(found.loss, rel=1e-5)
    assert shared[2] == pytest.approx(found.reconstruction_mse, rel=1e-5)
