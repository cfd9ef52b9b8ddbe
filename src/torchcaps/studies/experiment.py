"""What studies that train over several seeds have in common."""

import json
import shlex
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import torchcaps
from torchcaps.machine import machine
from torchcaps.models import Model
from torchcaps.models.catalogue import MODELS
from torchcaps.studies.report import Report
from torchcaps.studies.runs import seconds_per_epoch
from torchcaps.training import Recipe


@dataclass(frozen=True)
class Experiment:
    """What a person may set of each of them."""

    study: ClassVar[str]

    model: str = "capsnet_small"
    """The model whose promise is tested."""
    train_images: int | None = None
    """Train on this many images, drawn by the seed (default: the whole training split)."""
    seeds: int = 3
    """Independent repetitions; from two on, mean and standard deviation are given."""
    epochs: int = 20
    """Passes over the training images."""
    batch_size: int = 64
    """Images a step."""
    lr: float = 1e-3
    """Adam's learning rate."""

    def __post_init__(self) -> None:
        MODELS[self.model]
        if self.seeds < 1:
            raise ValueError(
                f"{self.study} study, seeds: expected at least 1; got {self.seeds}; take 3 or more"
            )

    def refuse_empty(self, name: str) -> None:
        if not getattr(self, name):
            raise ValueError(
                f"{self.study} study, {name}: expected at least one; got none; leave it at default"
            )

    def recipe(self, model: str, seed: int) -> Recipe:
        """How a model of the study is trained: by every option that a recipe has as well."""
        known = {field.name for field in fields(Recipe)} & {field.name for field in fields(self)}
        shared = {name: getattr(self, name) for name in known}
        return Recipe(**{**shared, "model": model, "seed": seed})

    def command(self) -> str:
        """The command line that makes this study again: every option that is not the default."""
        words = [f"torchcaps study {self.study}"]
        for field in fields(self):
            value = getattr(self, field.name)
            if value != field.default and field.name != "root":
                text = json.dumps(value) if isinstance(value, tuple) else str(value)
                words.append(f"--{field.name.replace('_', '-')} {shlex.quote(text)}")
        return " ".join(words)


class Cost(NamedTuple):
    """What a model takes."""

    parameters: int
    seconds_per_epoch: float

    @classmethod
    def of(cls, model: Model, folder: Path) -> "Cost":
        """Of the model that was trained in `folder`."""
        return cls(sum(p.numel() for p in model.parameters()), seconds_per_epoch(folder))


def head_of_json(
    study: str, command: str, settings: dict[str, Any], costs: dict[str, Cost]
) -> dict[str, Any]:
    """What every results.json begins with."""
    return {
        "study": study,
        "command": command,
        "machine": machine(),
        "torchcaps": torchcaps.__version__,
        "settings": settings,
        **{field: {name: getattr(c, field) for name, c in costs.items()} for field in Cost._fields},
    }


def finish(report: Report, folder: Path, costs: dict[str, Cost], command: str) -> Path:
    """Write the report with its end: what it cost, how to run it again, and where it was made."""
    report.heading("What it cost")
    report.table(
        ("model", "parameters", "seconds an epoch"),
        [
            (name, f"{cost.parameters:,}", f"{cost.seconds_per_epoch:.2f}")
            for name, cost in costs.items()
        ],
    )
    report.heading("Run it again")
    report.code(command)
    footer = f"torchcaps {torchcaps.__version__}. Made on {machine()}."
    return report.write(folder / "report.html", footer)
