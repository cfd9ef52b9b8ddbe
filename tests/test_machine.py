"""Devices by name."""

import re

import pytest
import torch

from torchcaps.machine import resolve_device


@pytest.fixture
def has(monkeypatch):
    """has(cuda=2, mps=True): a machine with these."""

    def pretend(cuda=0, mps=False):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: cuda)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)

    return pretend


@pytest.mark.parametrize(
    ("here", "device"),
    [
        ({}, "cpu"),
        ({"mps": True}, "mps"),
        ({"cuda": 1}, "cuda:0"),
        ({"cuda": 2, "mps": True}, "cuda:0"),
    ],
)
def test_auto_is_cuda_then_mps_then_cpu(has, here, device):
    has(**here)
    assert resolve_device("auto") == torch.device(device)


@pytest.mark.parametrize("name", ["cpu", "cuda", "cuda:0", "cuda:1", "mps"])
def test_a_device_that_is_here_is_taken_at_its_name(has, name):
    has(cuda=2, mps=True)
    assert resolve_device(name) == torch.device(name)


@pytest.mark.parametrize("name", ["cuda", "cuda:0", "cuda:2", "mps", "cpu:1"])
def test_a_device_that_is_not_here_is_refused(has, name):
    has(cuda=2 if name == "cuda:2" else 0)
    here = "cuda:0, cuda:1, cpu" if name == "cuda:2" else "cpu"
    text = (
        f"device: expected one that torch finds here ({here}); got {name!r}; take auto, or install "
        "a build of torch for it"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        resolve_device(name)


@pytest.mark.parametrize("name", ["", "gpu", "CUDA", "meta", "cuda:", "cuda:-1", "cuda:x", "xpu"])
def test_another_name_is_refused(has, name):
    has(cuda=1)
    with pytest.raises(ValueError, match=r"^device: expected auto, cpu, cuda, mps or a number of"):
        resolve_device(name)
