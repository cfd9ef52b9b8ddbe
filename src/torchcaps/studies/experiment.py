"""What studies that train over several seeds have in common: options, runs, costs, files."""

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from matplotlib.figure import Figure

import torchcaps
from torchcaps.files import write_whole
from torchcaps.machine import machine
from torchcaps.models import Model
from torchcaps.models.catalogue import MODELS
from torchcaps.studies.catalogue import Finding
from torchcaps.studies.report import write_report
from torchcaps.studies.results import Results
from torchcaps.studies.runs import seconds_per_epoch, trained
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


@dataclass(frozen=True)
class Comparison(Experiment):
    """What a person may set of each of them."""

    beside: tuple[str, ...] = ("cnn",)
    """The models it is compared with."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.refuse_empty("beside")
        for name in self.models:
            MODELS[name]
        if len(self.models) < 2:
            raise ValueError(
                f"{self.study} study, beside: expected another model than {self.model}; got only "
                "itself; name one to compare it with, such as cnn"
            )

    @property
    def models(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((self.model, *self.beside)))

    def check(self) -> None:
        """Raise a `ValueError` for what a later run of the study would trip over."""
        train_set = self.recipe(self.model, 0).load_data("train")
        for name in self.models:
            self.recipe(name, 0).build_model(train_set)

    def train(self, folder: Path, *, quiet: bool, device: str) -> dict[str, list[Model]]:
        """Every model with every seed, on `device`."""
        return {
            name: [
                trained(
                    self.recipe(name, seed),
                    self.run_folder(folder, name, seed),
                    quiet=quiet,
                    device=device,
                )
                for seed in range(self.seeds)
            ]
            for name in self.models
        }

    def run_folder(self, folder: Path, model: str, seed: int) -> Path:
        return folder / "models" / f"{model}-{seed}"

    def costs(self, folder: Path, models: dict[str, list[Model]]) -> dict[str, Cost]:
        """Of every model, by its first seed."""
        return {
            name: Cost.of(seeds[0], self.run_folder(folder, name, 0))
            for name, seeds in models.items()
        }


def finish(
    options: Experiment,
    results: Results,
    costs: Mapping[str, Cost],
    folder: Path,
    figures: Mapping[str, Figure],
    table: tuple[Sequence[str], Sequence[Sequence[str]]],
    **words: Any,
) -> Finding:
    """Write results.json, table.csv (all rows), the figures and the report of a study. `table` is
    the header and the rows that the command prints and the report begins with; templates know
    it, and `words`, by name."""
    about = {
        "study": options.study,
        "command": options.command(),
        "machine": machine(),
        "torchcaps": torchcaps.__version__,
        "settings": asdict(options),
        "models": {name: cost._asdict() for name, cost in costs.items()},
    }
    write_whole(folder / "results.json", json.dumps({**about, **results.as_json()}) + "\n")
    write_whole(folder / "table.csv", results.csv())
    known = {
        "options": options,
        "results": results,
        "header": table[0],
        "rows": table[1],
        "costs": [
            (name, f"{cost.parameters:,}", f"{cost.seconds_per_epoch:.2f}")
            for name, cost in costs.items()
        ],
        "command": about["command"],
        "machine": about["machine"],
        "version": about["torchcaps"],
    }
    return Finding(*table, write_report(options.study, folder, figures, {**known, **words}))
