"""Runs of a second: a few digits through a few capsules."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest
import torch

from torchcaps.training import Interrupted, Recipe, train
from torchcaps.training.progress import TrainingProgress
from torchcaps.training.run_folder import read_metrics

torch.set_num_threads(1)  # the models are tiny, and several tests run at once

TINY: dict[str, Any] = {"stem_channels": 4, "types": 2, "decoder_width": 6}


@pytest.fixture(scope="session")
def recipe():
    """Four batches an epoch for three epochs; `recipe(shift=1)` changes what it is told."""

    def make(**changes: Any) -> Recipe:
        usual = {"train_images": 128, "epochs": 3, "batch_size": 32, "precision": "fp32"}
        return Recipe(**{"model_options": TINY, **usual, **changes})

    return make


@pytest.fixture(scope="session")
def whole_run(recipe, tmp_path_factory):
    """The folder of an uninterrupted run of `recipe()`."""
    return train(recipe(), tmp_path_factory.mktemp("runs") / "whole", quiet=True)


def state(folder: Path) -> bytes:
    """All that decides how a run goes on: weights, moments of Adam, randomness and place."""
    return (folder / "checkpoint" / "state.safetensors").read_bytes()


def metrics(folder: Path) -> list[dict[str, Any]]:
    """The lines of metrics.jsonl without the time, which no two runs share."""
    lines = read_metrics(folder)
    return [{k: v for k, v in line.items() if "seconds" not in k} for line in lines]


@pytest.fixture
def same_run():
    """Assert that two runs ended bit for bit alike, in weights, state and metrics."""

    def compare(one: Path, other: Path) -> None:
        assert state(one) == state(other)
        for name in ("model.safetensors", "best/model.safetensors", "config.json", "config.yaml"):
            assert (one / name).read_bytes() == (other / name).read_bytes(), name
        assert metrics(one) == metrics(other)

    return compare


@pytest.fixture
def press(monkeypatch):
    """`press((1, 3))`: from now on Ctrl-C is pressed once, after this (epoch, batch)."""

    def at(place: tuple[int, int]) -> None:
        def step(self, epoch: int, batch: int, loss: float) -> None:
            if (epoch, batch) == place:
                os.kill(os.getpid(), signal.SIGINT)

        monkeypatch.setattr(TrainingProgress, "step", step)

    return at


@pytest.fixture
def ctrl_c(press):
    """`ctrl_c(call, (1, 3))`: run `call` and interrupt it there; returns what it says."""

    def interrupted(call, place: tuple[int, int]) -> str:
        press(place)
        with pytest.raises(Interrupted) as caught:
            call()
        press((0, 0))
        return str(caught.value)

    return interrupted
