"""What studies that compare models over seeds have in common."""

from dataclasses import dataclass
from pathlib import Path

from torchcaps.models import Model
from torchcaps.models.catalogue import MODELS
from torchcaps.studies.experiment import Cost, Experiment
from torchcaps.studies.runs import trained


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
