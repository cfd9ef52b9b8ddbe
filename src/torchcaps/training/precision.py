"""Which number format and memory layout a training step is fastest in, on this processor."""

import copy
import time
from contextlib import AbstractContextManager
from typing import NamedTuple

import torch
from torch import Tensor, nn

from torchcaps.models import Model

# A step shorter than this is not worth a measurement, whose noise could change the choice.
WORTH_MEASURING_SECONDS = 0.05
# A first step so many times slower than the best ends a trial: some processors emulate bfloat16.
HOPELESS = 3.0
# What a faster candidate must save, so that noise does not decide.
CLEAR_GAIN = 0.95


class Precision(NamedTuple):
    """Convolutions and dense layers in bfloat16 or float32; images as NHWC or NCHW in memory.

    Parameters, routing, lengths and losses are float32 in each case.
    """

    bf16: bool
    channels_last: bool

    def autocast(self, device: torch.device) -> AbstractContextManager[object]:
        """The region in which the model is called."""
        return torch.autocast(device.type, dtype=torch.bfloat16, enabled=self.bf16)

    def layout(self) -> torch.memory_format:
        return torch.channels_last if self.channels_last else torch.contiguous_format

    def laid_out(self, images: Tensor) -> Tensor:
        """Images in this layout; signals and volumes are left as they are."""
        return images.to(memory_format=self.layout()) if images.ndim == 4 else images

    def lay_out(self, model: nn.Module) -> None:
        """Put the weights of the convolutions into this layout, in place."""
        model.to(memory_format=self.layout())  # pyright: ignore[reportCallIssue] (missing overload)


FLOAT32 = Precision(bf16=False, channels_last=False)
CANDIDATES = (Precision(False, True), Precision(True, True))


def choose_precision(asked: str, model: Model, images: Tensor, labels: Tensor) -> Precision:
    """`fp32` and `bf16` are taken at their word; `auto` times training steps on these images."""
    if asked == "fp32":
        return FLOAT32
    if asked == "bf16":
        return Precision(bf16=True, channels_last=True)
    best, least = FLOAT32, step_seconds(FLOAT32, model, images, labels)
    if least < WORTH_MEASURING_SECONDS:
        return best
    for candidate in CANDIDATES:
        seconds = step_seconds(candidate, model, images, labels, hopeless=HOPELESS * least)
        if seconds < CLEAR_GAIN * least:
            best, least = candidate, seconds
    return best


def step_seconds(
    precision: Precision,
    model: Model,
    images: Tensor,
    labels: Tensor,
    hopeless: float = float("inf"),
) -> float:
    """The shortest of three training steps (after one to warm up), on a copy of the model.

    A warm-up of more than `hopeless` seconds is the answer already.
    """
    trial = copy.deepcopy(model)
    precision.lay_out(trial)
    images = precision.laid_out(images)
    loss = trial.make_loss()
    times = []
    for _ in range(4):
        start = time.perf_counter()
        with precision.autocast(images.device):
            out = trial(images, labels)
        loss(out, images, labels).backward()
        if images.device.type == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
        if times[0] > hopeless:
            return times[0]
    return min(times[1:])
