"""Which device trains."""

import torch
from accelerate import Accelerator

from torchcaps.machine import resolve_device


def training_device(name: str, accelerator: Accelerator) -> torch.device:
    """The device of that name; with `auto`, the one that accelerate gives this process.

    Raises a `ValueError` for a device that is not here, or for a name where several processes
    train: each has a device of its own.
    """
    if name == "auto":
        return accelerator.device
    if accelerator.num_processes > 1:
        raise ValueError(
            f"device: expected auto where {accelerator.num_processes} processes train, since each "
            f"takes its own; got {name!r}; leave it out, or hide the GPUs with "
            "CUDA_VISIBLE_DEVICES= for the CPU"
        )
    device = resolve_device(name)
    if device.type == "cuda":
        torch.cuda.set_device(device)  # its random numbers are those that a checkpoint keeps
    return device
