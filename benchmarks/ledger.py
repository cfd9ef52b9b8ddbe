"""Results of one part of the GPU benchmark, kept case by case so that the next call continues."""

import csv
import json
import os
import platform
import time
from collections.abc import Callable, Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

from torchcaps.machine import processor

Row = dict[str, Any]


class Ledger:
    """Rows of numbers in FOLDER/NAME.json, saved after each; `failed` if a case raised.

    Rows of another machine or other sizes are not continued but replaced.
    """

    def __init__(self, folder: Path, name: str, minutes: float, tiny: bool = False) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.name = folder, name
        self.path = folder / f"{name}.json"
        self.deadline = time.monotonic() + 60 * minutes
        self.failed = False
        self.header: Row = {"part": name, "tiny": tiny, "machine": machine()}
        stored = json.loads(self.path.read_text()) if self.path.is_file() else {}
        same = all(stored.get(key) == value for key, value in self.header.items())
        self.rows: list[Row] = stored["rows"] if same else []

    def seconds_left(self) -> float:
        return self.deadline - time.monotonic()

    def find(self, case: Row) -> Row | None:
        """The row of a case that was measured before."""
        for row in self.rows:
            if all(row.get(key) == value for key, value in case.items()):
                return row
        return None

    def measure(self, case: Row, run: Callable[[], Row]) -> Row | None:
        """The row of a case: found, or measured now; None, and said so, where it was not run.

        `run` raises `NotRun` with a reason. Whatever else it raises is a failure: it is printed,
        makes the program's exit status 1, and the next call tries again.
        """
        row = self.find(case)
        if row is not None:
            return row
        if self.seconds_left() <= 0:
            return self._say(case, "not run: the time is over, call again to go on")
        try:
            row = {**case, **run()}
        except NotRun as reason:
            return self._say(case, f"not run: {reason}")
        except torch.OutOfMemoryError:
            torch.cuda.empty_cache()
            return self._say(case, "not run: out of memory")
        except Exception as error:  # one broken case must not cost the others their turn
            self.failed = True
            return self._say(case, f"failed: {type(error).__name__}: {error}")
        self.add(row)
        return row

    def add(self, row: Row) -> None:
        self.rows.append(row)
        self.save()
        print(brief(row), flush=True)

    def save(self) -> None:
        self.path.write_text(json.dumps({**self.header, "rows": self.rows}, indent=1) + "\n")
        columns = list(dict.fromkeys(key for row in self.rows for key in row))
        with self.path.with_suffix(".csv").open("w", newline="") as file:
            table = csv.DictWriter(file, columns)
            table.writeheader()
            table.writerows(self.rows)

    def figure(self, draw: Callable[[Any, list[Row]], None]) -> None:
        """FOLDER/NAME.png: `draw(figure, rows)` on a matplotlib figure, where there is one."""
        if not self.rows:
            print("figure: not run: there are no rows")
        elif find_spec("matplotlib") is None:
            print("figure: not run: matplotlib is not installed")
        else:
            from matplotlib.figure import Figure

            figure = Figure(figsize=(10, 4), layout="constrained")
            draw(figure, self.rows)
            figure.savefig(self.path.with_suffix(".png"), dpi=120)

    def _say(self, case: Row, what: str) -> None:
        print(f"{brief(case)}  {what}", flush=True)


class NotRun(Exception):
    """Why a case cannot be run here."""


def device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def machine() -> Row:
    triton = None
    if find_spec("triton"):
        from importlib.metadata import PackageNotFoundError, version

        try:
            triton = version("triton")
        except PackageNotFoundError:  # a ROCm build has another name
            triton = "of unknown version"
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "none"
    return {
        "gpu": gpu,
        "processor": f"{processor()}, {os.cpu_count()} cores",
        "python": platform.python_version(),
        "torch": torch.__version__,
        "triton": triton,
    }


def brief(row: Row) -> str:
    return "  ".join(f"{key}={_short(value)}" for key, value in row.items())


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def lines(rows: Iterable[Row], by: str) -> dict[str, list[Row]]:
    """Rows grouped by the value of one column, in order of appearance."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(str(row[by]), []).append(row)
    return groups
