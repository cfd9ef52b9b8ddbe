"""A run is a folder: config.yaml, metrics.jsonl, the model, checkpoint/, figures/, report.html."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

from torchcaps.files import write_whole

CONFIG, METRICS, BEST, CHECKPOINT = "config.yaml", "metrics.jsonl", "best", "checkpoint"


def create_run(folder: Path, *, overwrite: bool) -> None:
    """Make an empty run folder. An old one goes only with `overwrite`, and only if it is a run.

    Raises a `ValueError` where something else would be lost.
    """
    if folder.exists() and (not folder.is_dir() or _holds_something(folder)):
        if not overwrite:
            raise ValueError(
                f"run folder {folder}: expected a new or empty folder; got one with files; "
                "choose another --out, continue it with --resume, or add --overwrite"
            )
        if not (folder / CONFIG).is_file():
            raise ValueError(
                f"run folder {folder}: expected a run to overwrite; got a folder without {CONFIG}, "
                "which torchcaps did not write; choose another --out"
            )
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)


def _holds_something(folder: Path) -> bool:
    """A lone config.yaml is left by an attempt that failed before it trained: nothing to lose."""
    return any(path.name != CONFIG for path in folder.iterdir())


def append_metrics(folder: Path, record: dict[str, Any]) -> None:
    """Add a line to metrics.jsonl."""
    with open(folder / METRICS, "a") as file:
        file.write(json.dumps(record) + "\n")
        file.flush()
        os.fsync(file.fileno())


def read_metrics(folder: Path) -> list[dict[str, Any]]:
    """The lines of metrics.jsonl; a last line cut short by a crash is left out."""
    path = folder / METRICS
    records = []
    for line in path.read_text().splitlines() if path.is_file() else []:
        try:
            records.append(json.loads(line))
        except ValueError:
            break
    return records


def truncate_metrics(folder: Path, epochs: int) -> None:
    """Keep the lines of the first `epochs` epochs: a resumed run writes the later ones again."""
    kept = [record for record in read_metrics(folder) if record["epoch"] <= epochs]
    write_whole(folder / METRICS, "".join(json.dumps(record) + "\n" for record in kept))
