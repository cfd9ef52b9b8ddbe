"""What studies that compare models over seeds have in common."""

import json
import shlex
from dataclasses import dataclass, fields
from pathlib import Path
from typing import ClassVar, NamedTuple

from torchcaps.models import Model
from torchcaps.models.catalogue import MODELS
from torchcaps.studies.report import Report
from torchcaps.studies.runs import seconds_per_epoch, trained
from torchcaps.training import Recipe


@dataclass(frozen=True)
class Comparison:
    """What a person may set of each of them."""

    study: ClassVar[str]

    model: str = "capsnet_small"
    """The model whose promise is tested."""
    beside: tuple[str, ...] = ("cnn",)
    """The models it is compared with."""
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
        self.refuse_empty("beside")
        for name in self.models:
            MODELS[name]
        if len(self.models) < 2:
            raise ValueError(
                f"{self.study} study, beside: expected another model than {self.model}; got only "
                "itself; name one to compare it with, such as cnn"
            )
        if self.seeds < 1:
            raise ValueError(
                f"{self.study} study, seeds: expected at least 1; got {self.seeds}; take 3 or more"
            )

    def refuse_empty(self, name: str) -> None:
        if not getattr(self, name):
            raise ValueError(
                f"{self.study} study, {name}: expected at least one; got none; leave it at default"
            )

    @property
    def models(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((self.model, *self.beside)))

    def recipe(self, model: str, seed: int) -> Recipe:
        """How a model of the study is trained: by every option that a recipe has as well."""
        known = {field.name for field in fields(Recipe)} & {field.name for field in fields(self)}
        shared = {name: getattr(self, name) for name in known}
        return Recipe(**{**shared, "model": model, "seed": seed})

    def check(self) -> None:
        """Raise a `ValueError` for what a later run of the study would trip over."""
        train_set = self.recipe(self.model, 0).load_data("train")
        for name in self.models:
            self.recipe(name, 0).build_model(train_set)

    def train(self, folder: Path, *, quiet: bool) -> dict[str, list[Model]]:
        """Every model with every seed."""
        return {
            name: [
                trained(self.recipe(name, seed), self.run_folder(folder, name, seed), quiet=quiet)
                for seed in range(self.seeds)
            ]
            for name in self.models
        }

    def run_folder(self, folder: Path, model: str, seed: int) -> Path:
        return folder / "models" / f"{model}-{seed}"

    def costs(self, folder: Path, models: dict[str, list[Model]]) -> dict[str, "Cost"]:
        """Of every model, by its first seed."""
        return {
            name: Cost(
                sum(p.numel() for p in seeds[0].parameters()),
                seconds_per_epoch(self.run_folder(folder, name, 0)),
            )
            for name, seeds in models.items()
        }

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


def costs_as_json(costs: dict[str, Cost]) -> dict[str, dict[str, float]]:
    """As results.json has them."""
    return {field: {name: getattr(c, field) for name, c in costs.items()} for field in Cost._fields}


def tell_costs(report: Report, costs: dict[str, Cost], command: str) -> None:
    """The end of a report: what it cost, and how to run it again."""
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
