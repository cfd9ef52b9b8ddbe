"""The machine: the device that models run on, and what figures were made on."""

import os
import platform
import re
from pathlib import Path

import torch


def machine() -> str:
    """Processor or GPU, system and versions, in a line."""
    if torch.cuda.is_available():
        device = torch.cuda.get_device_name()
    else:
        device = f"{processor()}, {os.cpu_count()} cores"
    versions = f"Python {platform.python_version()}, torch {torch.__version__}"
    return f"{device}, {platform.system()}, {versions}"


def resolve_device(name: str) -> torch.device:
    """The device of that name; `auto` is cuda, else mps, else cpu.

    Raises a `ValueError` for another name, or for a device that this machine does not have.

    >>> resolve_device("cpu")
    device(type='cpu')
    """
    here = _devices()
    if name == "auto":
        return torch.device(here[0])
    if not re.fullmatch(r"(cpu|cuda|mps)(:\d+)?", name):
        raise ValueError(
            f"device: expected auto, cpu, cuda, mps or a number of these, such as cuda:1; got "
            f"{name!r}; take auto"
        )
    if name not in here and f"{name}:0" not in here:
        raise ValueError(
            f"device: expected one that torch finds here ({', '.join(here)}); got {name!r}; take "
            "auto, or install a build of torch for it"
        )
    return torch.device(name)


def _devices() -> list[str]:
    """The devices of this machine, the fastest first."""
    gpus = (
        [f"cuda:{k}" for k in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
    )
    return [*gpus, *(["mps"] if torch.backends.mps.is_available() else []), "cpu"]


def processor() -> str:
    """The processor's name; where the system keeps it to itself, its kind."""
    cpuinfo = Path("/proc/cpuinfo")
    for line in cpuinfo.read_text().splitlines() if cpuinfo.is_file() else []:
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
