import importlib
import subprocess
import sys

import pytest

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


def loaded_after(statement):
    """The packages that are imported once `statement` has run in a fresh Python."""
    code = f"import sys; {statement}; print(*sorted({{n.split('.')[0] for n in sys.modules}}))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "torchcaps" in found.stdout, found.stderr
    return found.stdout.split()


def test_importing_torchcaps_loads_no_torch_until_it_is_used():
    assert [
        name for name in ("torch", "numpy", *HEAVY) if name in loaded_after("import torchcaps")
    ] == []


def test_layers_load_torch_and_little_else():
    loaded = loaded_after("import torch, torchcaps as tc; before = set(sys.modules); tc.nn, tc.ops")
    assert "torch" in loaded
    assert [name for name in HEAVY if name in loaded] == []


@pytest.mark.parametrize(
    "package", ["torchcaps", "torchcaps.data", "torchcaps.models", "torchcaps.training"]
)
def test_every_lazy_name_is_there_and_listed(package):
    module = importlib.import_module(package)
    assert set(module.__all__) <= set(dir(module))
    for name in module.__all__:
        assert getattr(module, name) is not None
    with pytest.raises(AttributeError, match=f"module '{package}' has no attribute 'nonsense'"):
        getattr(module, "nonsense")  # noqa: B009


@pytest.mark.parametrize(
    "first", ["", "import torchcaps.training.loop; ", "import torchcaps.cli.evaluate; "]
)
def test_a_lazy_name_is_itself_whatever_was_imported_before(first):
    """A module of the same name would hide it: `evaluate` is a function, not a file."""
    code = f"{first}from torchcaps.training import evaluate; print(type(evaluate).__name__)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert found.stdout == "function\n", found.stderr
