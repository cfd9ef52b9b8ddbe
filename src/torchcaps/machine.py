"""What figures were made on."""

import os
import platform
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


def processor() -> str:
    """The processor's name; where the system keeps it to itself, its kind."""
    cpuinfo = Path("/proc/cpuinfo")
    for line in cpuinfo.read_text().splitlines() if cpuinfo.is_file() else []:
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
