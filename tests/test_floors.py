"""What no floor may know of the floors below it, beyond what import-linter checks."""

import re
from pathlib import Path

import torchcaps

SOURCE = Path(torchcaps.__file__).parent
BELOW = ("models", "nn")
BY_CLASS = re.compile(
    r"\b(isinstance|issubclass)\([^)]*(CapsNet|CNN)|\btype\([^)]*\) (is|==) \w*(CapsNet|CNN)"
)


def test_only_models_are_told_apart_by_class_and_only_by_themselves():
    """Everything else asks a model what it can (`models/model.py`)."""
    files = [
        path for path in SOURCE.rglob("*.py") if path.relative_to(SOURCE).parts[0] not in BELOW
    ]
    assert len(files) > 50
    assert [str(path) for path in files if BY_CLASS.search(path.read_text())] == []


def test_the_pattern_finds_what_it_should():
    assert BY_CLASS.search("if isinstance(model, CapsNet | EquivariantCapsNet):")
    assert BY_CLASS.search("if type(model) is CNN:")
    assert not BY_CLASS.search("isinstance(model, Model)")
