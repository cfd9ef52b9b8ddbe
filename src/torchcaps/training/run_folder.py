"""A run is a folder: config.yaml, metrics.jsonl, the model, checkpoint/, figures/, report.html."""

import json
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torchcaps.files import write_whole
from torchcaps.training import belongings
from torchcaps.training.belongings import (
    BEST,
    CHECKPOINT,
    CONFIG,
    LEARNING_CURVE,
    METRICS,
    STATE,
)
from torchcaps.training.lock import locked
from torchcaps.training.recipe import Recipe

__all__ = [
    "BEST",
    "CHECKPOINT",
    "CONFIG",
    "LEARNING_CURVE",
    "METRICS",
    "STATE",
    "append_metrics",
    "clear",
    "create_run",
    "read_metrics",
    "truncate_metrics",
]


def create_run(
    folder: Path, *, overwrite: bool, load: Callable[[Path], object] = Recipe.load
) -> None:
    """Make an empty run folder. An old one goes only with `overwrite`, and only what torchcaps
    wrote: its config.yaml must be one that `load` reads, and nothing else may lie there.

    Raises a `ValueError` where something else would be lost, or a process trains there.
    """
    with locked(folder):
        clear(folder, overwrite=overwrite, load=load)


def clear(folder: Path, *, overwrite: bool, load: Callable[[Path], object] = Recipe.load) -> None:
    """`create_run` for who holds the folder's lock."""
    config = folder / CONFIG
    if belongings.holds_nothing(folder, config if _loads(config, load) else None):
        belongings.empty(folder)  # left by an attempt that ended before it trained
        return
    if not overwrite:
        raise ValueError(
            f"run folder {folder}: expected a new or empty folder; got one with files; "
            "choose another --out, continue it with --resume, or add --overwrite"
        )
    here = Path.cwd()
    if folder.resolve() in (here, *here.parents):
        raise ValueError(
            f"run folder {folder}: expected a run to overwrite; got the folder that this command "
            "runs in, or one around it; choose another --out"
        )
    if not _loads(config, load):
        raise ValueError(
            f"run folder {folder}: expected a run to overwrite; got a folder without a {CONFIG} "
            "of this kind of run; choose another --out"
        )
    other = belongings.foreign(folder)
    if other is not None:
        raise ValueError(
            f"run folder {folder}: expected nothing but what torchcaps wrote; got {other}; "
            "move it away, or choose another --out"
        )
    belongings.empty(folder)


def _loads(config: Path, load: Callable[[Path], object]) -> bool:
    try:
        load(config)
    except ValueError:
        return False
    return True


def append_metrics(folder: Path, record: dict[str, Any]) -> None:
    """Add a line to metrics.jsonl; what is not finite is null, since JSON knows no NaN."""
    finite = {
        key: None if isinstance(value, float) and not math.isfinite(value) else value
        for key, value in record.items()
    }
    with open(folder / METRICS, "a") as file:
        file.write(json.dumps(finite, allow_nan=False) + "\n")
        file.flush()
        os.fsync(file.fileno())


def read_metrics(folder: Path) -> list[dict[str, Any]]:
    """The lines of epochs 1, 2, ... of metrics.jsonl; from the first line on that is not the next
    epoch's (cut short by a crash, or damaged) all is left out."""
    path = folder / METRICS
    records: list[dict[str, Any]] = []
    for line in path.read_bytes().splitlines() if path.is_file() else []:
        try:
            record = json.loads(line, parse_constant=_finite, parse_float=_finite)
        except (ValueError, RecursionError):
            break
        if not isinstance(record, dict) or record.get("epoch") != len(records) + 1:
            break
        records.append(record)
    return records


def _finite(text: str) -> float:
    """Raises a `ValueError` for NaN, and for what is too large to be written again."""
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is no number that JSON knows")
    return value


def truncate_metrics(folder: Path, epochs: int) -> None:
    """Keep the lines of the first `epochs` epochs: a resumed run writes the later ones again.

    Raises a `ValueError` where one of them is missing.
    """
    kept = read_metrics(folder)[:epochs]
    if len(kept) < epochs:
        raise ValueError(
            f"{folder / METRICS}: expected a line of JSON for each of the {epochs} epochs that "
            f"the checkpoint has; got {len(kept)} whole ones in order; put the lines back, or "
            "start again with --overwrite"
        )
    write_whole(folder / METRICS, "".join(json.dumps(record) + "\n" for record in kept))
