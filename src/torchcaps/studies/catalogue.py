"""Studies by name: an experiment from data to report."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from torchcaps.registry import Registry


class Finding(NamedTuple):
    """What a study ends with: its table as text, and the path of its report."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    report: Path


class Study(NamedTuple):
    """options: a dataclass of what a person may set. run: `(options, folder, quiet) -> finding`.

    check: raises a `ValueError` for options that `run` would trip over, before a file is touched.
    """

    options: type[Any]
    check: Callable[[Any], object]
    run: Callable[[Any, Path, bool], Finding]
    about: str


STUDIES: Registry[Study] = Registry("study")


def list_studies() -> list[str]:
    """Names that `torchcaps study` knows."""
    return list(STUDIES)
