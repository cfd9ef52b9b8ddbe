"""What a training step takes: milliseconds and megabytes."""

import os
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from torchcaps.models import Model
from torchcaps.training.precision import FLOAT32, step_seconds

_ROUNDS = 3


def step_milliseconds(
    models: Mapping[str, Model], images: Tensor, labels: Tensor
) -> dict[str, float]:
    """Forward, loss and backward of each model, without the optimizer's step: the least of several
    rounds in which all take turns, so that a busy machine slows none of them alone."""
    least = dict.fromkeys(models, float("inf"))
    for _ in range(_ROUNDS):
        for name, model in models.items():
            taken = 1e3 * step_seconds(FLOAT32, model, images, labels)
            least[name] = min(least[name], taken)
    return least


def step_megabytes(model: Model, images: Tensor, labels: Tensor) -> float:
    """The most memory such a step takes beside the model, its gradients and the images; NaN on a
    device that does not say."""
    loss = model.make_loss()

    def step() -> None:
        out = model(images, labels)
        loss(out, images, labels).backward()

    if images.device.type not in ("cpu", "cuda"):
        return float("nan")
    step()  # from now on the gradients are there
    return (_on_gpu(step) if images.is_cuda else _on_cpu(step)) / 1e6


def _on_gpu(step: Callable[[], object]) -> float:
    torch.cuda.synchronize()
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    step()
    torch.cuda.synchronize()
    return torch.cuda.max_memory_allocated() - before


def _on_cpu(step: Callable[[], object]) -> float:
    """From the profiler's record of every block that torch takes and gives back."""
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # else it writes to standard error
    with torch.profiler.profile(profile_memory=True) as profile:
        step()
    kineto = profile.profiler.kineto_results if profile.profiler else None
    events = [e for e in kineto.events() if e.name() == "[memory]"] if kineto else []
    held = peak = 0
    for event in sorted(events, key=lambda e: e.start_ns()):
        held += event.nbytes()  # pyright: ignore[reportAttributeAccessIssue] (stub lacks it)
        peak = max(peak, held)
    return peak
