"""What studies that train over several seeds have in common: options, runs, costs, files."""

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from matplotlib.figure import Figure

import torchcaps
from torchcaps.data import require_one_class
from torchcaps.files import write_whole
from torchcaps.machine import machine
from torchcaps.models import Model
from torchcaps.models.catalogue import MODELS
from torchcaps.options import as_words, check_sizes, check_types
from torchcaps.studies.catalogue import Finding
from torchcaps.studies.report import write_report
from torchcaps.studies.results import Results
from torchcaps.studies.runs import seconds_per_epoch, trained
from torchcaps.training import Recipe


class Cost(NamedTuple):
    """What a model takes."""

    parameters: int
    seconds_per_epoch: float


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
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        check_types(f"{self.study} study", type(self), given)
        MODELS[self.model]
        self.check_sizes("seeds")

    def check_sizes(self, *names: str) -> None:
        check_sizes(f"{self.study} study", **{name: getattr(self, name) for name in names})

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

    def recipes(self, seed: int) -> dict[str, Recipe]:
        """What is trained with this seed, by name."""
        raise NotImplementedError

    def check(self) -> None:
        """Raise a `ValueError` for what a later run of the study would trip over."""
        recipes = self.recipes(0).values()
        train_set = next(iter(recipes)).load_data("train")
        require_one_class(train_set, f"{self.study} study, data")
        for recipe in recipes:
            recipe.build_model(train_set)

    def train(self, folder: Path, *, quiet: bool, device: str) -> dict[str, list[Model]]:
        """By name, one model a seed, on `device`."""
        models: dict[str, list[Model]] = {name: [] for name in self.recipes(0)}
        for name, seeds in models.items():
            for seed in range(self.seeds):
                run = self.run_folder(folder, name, seed)
                recipe = self.recipes(seed)[name]
                seeds.append(trained(recipe, run, quiet=quiet, device=device))
        return models

    def run_folder(self, folder: Path, name: str, seed: int) -> Path:
        return folder / "models" / f"{name}-{seed}"

    def costs(self, folder: Path, models: dict[str, list[Model]]) -> dict[str, Cost]:
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
        return shlex.join(["torchcaps", "study", self.study, *as_words(self, "root")])


@dataclass(frozen=True)
class OnDataset(Experiment):
    """What a person may set of those that take any dataset."""

    data: str = "digits"
    """Dataset, one of `torchcaps datasets`."""
    root: str | None = None
    """Folder of the data files (default: $TORCHCAPS_DATA, then the user's cache)."""


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

    def recipes(self, seed: int) -> dict[str, Recipe]:
        return {name: self.recipe(name, seed) for name in self.models}


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
        **about,
        "options": options,
        "results": results,
        "header": table[0],
        "rows": table[1],
        "costs": [
            (name, f"{cost.parameters:,}", f"{cost.seconds_per_epoch:.2f}")
            for name, cost in costs.items()
        ],
    }
    return Finding(*table, write_report(options.study, folder, figures, {**known, **words}))
