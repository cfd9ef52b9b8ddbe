"""A study that was stopped goes on: what had finished stays, what was begun is taken up."""

import json
import signal
from dataclasses import dataclass, replace

import pytest
import torch

from torchcaps.models import load_model
from torchcaps.studies.results import Results
from torchcaps.studies.rotation.study import RotationOptions, run
from torchcaps.studies.runs import seconds_per_epoch, trained
from torchcaps.training import Recipe
from torchcaps.training.loop import _Loop


@dataclass(frozen=True)
class Options(RotationOptions):
    """In float32: what "auto" takes depends on the load of the machine."""

    def recipe(self, model, seed):
        return replace(super().recipe(model, seed), precision="fp32")


OPTIONS = Options(
    model="cnn",
    beside=("capsnet_small",),
    seeds=1,
    epochs=2,
    train_images=96,
    batch_size=32,
    angles=(0, 30),
)
STEPS = 6  # of a run: 2 epochs of 3 batches
RECIPE = Recipe(epochs=1, train_images=32, batch_size=32)


@pytest.fixture
def steps(monkeypatch):
    """The name of the model of each training step; Ctrl-C is pressed at those in steps.stop."""

    class Steps(list):
        stop = ()

    taken = Steps()
    plain = _Loop.step

    def step(self, *arguments):
        taken.append(self.recipe.model)
        if len(taken) in taken.stop:
            signal.raise_signal(signal.SIGINT)
        return plain(self, *arguments)

    monkeypatch.setattr(_Loop, "step", step)
    return taken


def outcome(folder):
    """What the study measured, and the weights it ended with."""
    rows = Results.from_json((folder / "results.json").read_text()).rows
    weights = {
        name: load_model(folder / "models" / f"{name}-0").state_dict() for name in OPTIONS.models
    }
    return rows, weights


def assert_same(one, other):
    assert one[0] == other[0]
    for name in one[1]:
        for key, value in one[1][name].items():
            assert torch.equal(value, other[1][name][key]), (name, key)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    run(OPTIONS, folder, True)
    return outcome(folder)


@pytest.mark.parametrize("at", [2, STEPS + 4], ids=["first model", "second model"])
def test_an_interrupted_study_ends_as_if_it_had_not_been(at, steps, tmp_path, uninterrupted):
    steps.stop = (at,)
    with pytest.raises(KeyboardInterrupt):
        run(OPTIONS, tmp_path, True)
    assert len(steps) == at
    assert not (tmp_path / "report.html").exists()
    run(OPTIONS, tmp_path, True)
    assert steps == ["cnn"] * STEPS + ["capsnet_small"] * STEPS, "no step twice, none left out"
    assert_same(outcome(tmp_path), uninterrupted)


def test_a_finished_study_is_not_trained_again(steps, tmp_path, uninterrupted):
    run(OPTIONS, tmp_path, True)
    steps.clear()
    (tmp_path / "report.html").unlink()
    run(OPTIONS, tmp_path, True)
    assert steps == []
    assert (tmp_path / "report.html").is_file()
    assert_same(outcome(tmp_path), uninterrupted)


@pytest.mark.parametrize("left", ["empty folder", "config", "checkpoint without a file"])
def test_a_crash_before_the_first_checkpoint_starts_that_run_again(left, steps, tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    if left != "empty folder":
        RECIPE.save(folder / "config.yaml")
    if left == "checkpoint without a file":
        (folder / "checkpoint").mkdir()
        (folder / "checkpoint" / ".state.safetensors.7.tmp").write_bytes(b"half")
    assert trained(RECIPE, folder, quiet=True).name == "capsnet_small"
    assert len(steps) == 1


def test_somebody_elses_files_are_not_overwritten(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(ValueError, match="expected a run to overwrite; got a folder without"):
        trained(RECIPE, tmp_path, quiet=True)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_another_recipes_run_is_not_passed_off_as_this_ones(steps, tmp_path):
    trained(RECIPE, tmp_path / "run", quiet=True)
    elsewhere = replace(RECIPE, root=str(tmp_path))  # where the data lie says nothing of the run
    assert trained(elsewhere, tmp_path / "run", quiet=True).name == "capsnet_small"
    assert len(steps) == 1
    with pytest.raises(ValueError, match=r"a run with epochs 2, lr 0.5; got epochs 1, lr 0.001; "):
        trained(replace(RECIPE, epochs=2, lr=0.5), tmp_path / "run", quiet=True)


def test_the_cost_is_the_median_epoch(tmp_path):
    lines = [json.dumps({"epoch": k, "seconds": s}) for k, s in enumerate((9.0, 1.0, 2.0), 1)]
    (tmp_path / "metrics.jsonl").write_text("\n".join(lines))
    assert seconds_per_epoch(tmp_path) == 2.0
