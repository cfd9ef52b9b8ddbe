"""Trained upright, tested turned: the series' experiment, in both directions, with its spread."""

import json
import shlex
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from torchcaps.analysis.rotation import measure_rotation
from torchcaps.models.catalogue import MODELS
from torchcaps.studies.catalogue import STUDIES, Finding, Study
from torchcaps.studies.rotation_report import RotationResults, write_results
from torchcaps.studies.runs import seconds_per_epoch, trained
from torchcaps.training import Recipe

ANGLES = tuple(range(-45, 46, 15))


@dataclass(frozen=True)
class RotationOptions:
    """What a person may set."""

    model: str = "capsnet_small"
    """The model whose promise is tested."""
    beside: tuple[str, ...] = ("cnn",)
    """The models it is compared with; the advantage is over the first."""
    data: str = "digits"
    """Dataset, one of `torchcaps datasets`."""
    root: str | None = None
    """Folder of the data files (default: $TORCHCAPS_DATA, then the user's cache)."""
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
    angles: tuple[float, ...] = ANGLES
    """Degrees at which the test images are turned, positive counter-clockwise."""

    def __post_init__(self) -> None:
        for name in ("beside", "angles"):
            if not getattr(self, name):
                raise ValueError(
                    f"rotation study, {name}: expected at least one; got none; leave it at default"
                )
        for name in self.models:
            MODELS[name]
        if len(self.models) < 2:
            raise ValueError(
                f"rotation study, beside: expected another model than {self.model}; got only "
                "itself; name one to compare it with, such as cnn"
            )
        if self.seeds < 1:
            raise ValueError(
                f"rotation study, seeds: expected at least 1; got {self.seeds}; take 3 or more"
            )

    @property
    def models(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((self.model, *self.beside)))

    def recipe(self, model: str, seed: int) -> Recipe:
        return Recipe(
            model=model,
            data=self.data,
            root=self.root,
            train_images=self.train_images,
            epochs=self.epochs,
            batch_size=self.batch_size,
            lr=self.lr,
            seed=seed,
        )


def check(options: RotationOptions) -> None:
    """Raise a `ValueError` for what a later run of the study would trip over."""
    train_set = options.recipe(options.model, 0).load_data("train")
    for name in options.models:
        options.recipe(name, 0).build_model(train_set)


def run(options: RotationOptions, folder: Path, quiet: bool) -> Finding:
    """Train every model with every seed, test at every angle, write tables, figures and report."""
    test_set = options.recipe(options.model, 0).load_data("test")
    models = {
        name: [
            trained(options.recipe(name, seed), folder / "models" / f"{name}-{seed}", quiet=quiet)
            for seed in range(options.seeds)
        ]
        for name in options.models
    }
    curves = {}
    with Progress(console=Console(stderr=True), disable=quiet) as progress:
        for name, seeds in models.items():
            task = progress.add_task(f"turning for {name}", total=len(seeds) * len(options.angles))
            curves[name] = measure_rotation(
                seeds, test_set, options.angles, each=lambda task=task: progress.advance(task)
            )
    results = RotationResults(
        settings=asdict(options),
        command=command(options),
        curves=curves,
        parameters={
            name: sum(p.numel() for p in seeds[0].parameters()) for name, seeds in models.items()
        },
        seconds_per_epoch={
            name: seconds_per_epoch(folder / "models" / f"{name}-0") for name in models
        },
        example=models[options.model][0],
        test_set=test_set,
    )
    return write_results(results, folder)


def command(options: RotationOptions) -> str:
    """The command line that makes this study again: every option that is not the default."""
    words = ["torchcaps study rotation"]
    for field in fields(options):
        value = getattr(options, field.name)
        if value != field.default and field.name != "root":
            text = json.dumps(value) if isinstance(value, tuple) else str(value)
            words.append(f"--{field.name.replace('_', '-')} {shlex.quote(text)}")
    return " ".join(words)


STUDIES.add("rotation")(
    Study(RotationOptions, check, run, "trained upright, tested turned: capsules against a CNN")
)
