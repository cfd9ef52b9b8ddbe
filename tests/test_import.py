import subprocess
import sys

import pytest

import torchcaps

HEAVY = (
    "PIL",
    "accelerate",
    "jsonargparse",
    "matplotlib",
    "pooch",
    "rich",
    "starlette",
    "torchmetrics",
    "triton",
)


def test_importing_torchcaps_loads_torch_and_little_else():
    code = (
        "import sys, torch; before = set(sys.modules); import torchcaps; "
        "print(*sorted({name.split('.')[0] for name in set(sys.modules) - before}))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    loaded = found.stdout.split()
    assert "torchcaps" in loaded, found.stderr
    assert [name for name in HEAVY if name in loaded] == []


@pytest.mark.parametrize("name", torchcaps.__all__)
def test_every_public_name_is_there(name):
    assert getattr(torchcaps, name) is not None
