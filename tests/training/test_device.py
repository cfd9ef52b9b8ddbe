"""Which device trains, and what is refused."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from accelerate import Accelerator

from torchcaps.training import Recipe, train
from torchcaps.training.device import training_device

CPU = torch.device("cpu")


def accelerator(device, processes):
    """One that was given this device, as one of so many processes."""
    made: Any = object.__new__(Accelerator)
    made.state = SimpleNamespace(device=torch.device(device), num_processes=processes)
    return made


def test_auto_is_the_device_that_accelerate_gives_the_process():
    several = accelerator("cuda:3", 4)
    assert training_device("auto", several) == torch.device("cuda:3")


def test_a_named_device_wins_over_accelerates():
    alone = accelerator("cuda:0", 1)
    assert training_device("cpu", alone) == CPU


def test_several_processes_take_no_name():
    several = accelerator("cpu", 2)
    text = "device: expected auto where 2 processes train, since each takes its own; got 'cpu'"
    with pytest.raises(ValueError, match=f"^{text}"):
        training_device("cpu", several)


def test_a_gpu_becomes_the_one_whose_random_numbers_are_kept(monkeypatch):
    chosen = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    alone = accelerator("cuda:0", 1)
    assert training_device("cuda:1", alone) == torch.device("cuda:1")
    assert chosen == [torch.device("cuda:1")]


def test_a_device_that_is_not_here_is_refused_before_a_folder_is_made(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match=r"^device: expected one that torch finds here"):
        train(Recipe(), tmp_path / "run", device="cuda")
    assert not (tmp_path / "run").exists()
