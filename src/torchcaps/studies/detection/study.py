"""Is what a capsule network draws an alarm for images that it should not be trusted with?"""

from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import Progress
from torch import Tensor

from torchcaps.analysis.eval_mode import require_decoder
from torchcaps.analysis.robustness.detection import (
    PGD,
    Attacked,
    Detection,
    attacks_on,
    make_attacks,
    measure_detection,
)
from torchcaps.analysis.robustness.out_of_distribution import out_of_distribution
from torchcaps.models import Model
from torchcaps.studies.catalogue import Finding, Study
from torchcaps.studies.comparison import Comparison
from torchcaps.studies.detection_report import DetectionResults, write_results
from torchcaps.studies.detection_table import DetectionTable

# Success is followed over these times the epsilon that is told of in full.
SHARES = (0.25, 0.5, 0.75, 1.0, 1.5)


@dataclass(frozen=True)
class DetectionOptions(Comparison):
    """What a person may set. The model must have a decoder."""

    study = "detection"

    beside: tuple[str, ...] = ("cnn", "pooled_cnn")
    """The models it is compared with. Attacks made on the first are shown to the others as well."""
    epochs: int = 60
    """Passes over the training images."""
    data: str = "digits"
    """Dataset, one of `torchcaps datasets`."""
    root: str | None = None
    """Folder of the data files (default: $TORCHCAPS_DATA, then the user's cache)."""
    epsilon: float = 0.2
    """Change of a pixel, from 0 to 1, that an attack may make; also 1/4 to 3/2 of it are tried."""
    steps: int = 20
    """Steps of an attack."""
    starts: int = 5
    """Random places that an attack begins from; the best of all its steps is kept."""
    false_alarms: float = 0.05
    """Share of the clean validation images that may raise an alarm."""
    images: int = 500
    """Test images that are attacked, at most."""

    def __post_init__(self) -> None:
        super().__post_init__()
        most = 1 / SHARES[-1]
        if not 0 < self.epsilon <= most:
            raise ValueError(
                f"detection study, epsilon: expected above 0 and up to {most:.2f}, so that "
                f"{SHARES[-1]:g} times it is no more than 1; got {self.epsilon}; take 0.2"
            )
        if not 0 <= self.false_alarms < 1:
            raise ValueError(
                f"detection study, false_alarms: expected a share from 0 to below 1; got "
                f"{self.false_alarms}; take 0.05"
            )
        for name, usual in (("steps", 20), ("starts", 5), ("images", 500)):
            if getattr(self, name) < 1:
                raise ValueError(
                    f"detection study, {name}: expected at least 1; got {getattr(self, name)}; "
                    f"take {usual}"
                )

    @property
    def epsilons(self) -> tuple[float, ...]:
        return tuple(share * self.epsilon for share in SHARES)

    def check(self) -> None:
        """Raise a `ValueError` for what a later run of the study would trip over."""
        train_set = self.recipe(self.model, 0).load_data("train")
        require_decoder(self.recipe(self.model, 0).build_model(train_set), "detection study")
        super().check()


def run(options: DetectionOptions, folder: Path, quiet: bool, device: str = "auto") -> Finding:
    """Train every model with every seed, attack it, show it strange images, write the report."""
    recipe = options.recipe(options.model, 0)
    validation, test_set = recipe.load_data("validation"), recipe.load_data("test")
    count = min(options.images, len(test_set))
    images, labels = test_set.batch(range(count))
    strange = out_of_distribution(test_set, count)
    models = options.train(folder, quiet=quiet, device=device)
    found: dict[str, list[Detection]] = {name: [] for name in models}
    shown: dict[Attacked, Tensor] = {}
    with Progress(console=Console(stderr=True), disable=quiet) as progress:
        for seed in range(options.seeds):
            these = {name: seeds[seed] for name, seeds in models.items()}
            attacks = _attack(options, these, images, labels, seed, progress)
            for name, model in these.items():
                found[name].append(
                    measure_detection(model, validation, images, labels, attacks[name], strange)
                )
            shown = shown or attacks[options.model]
    results = DetectionResults(
        settings=asdict(options),
        command=options.command(),
        table=DetectionTable(found, options.epsilons, options.epsilon, options.false_alarms),
        costs=options.costs(folder, models),
        example=models[options.model][0],
        images=images,
        attacked=shown,
        strange=strange,
    )
    return write_results(results, folder)


def _attack(
    options: DetectionOptions,
    models: dict[str, Model],
    images: Tensor,
    labels: Tensor,
    seed: int,
    progress: Progress,
) -> dict[str, dict[Attacked, Tensor]]:
    """The attacked images of every model, and those made on the first of the others."""
    made = {}
    for name, model in models.items():
        total = len(options.epsilons) * len(attacks_on(model))
        task = progress.add_task(f"attacking {name}, seed {seed}", total=total)
        made[name] = make_attacks(
            model,
            images,
            labels,
            options.epsilons,
            steps=options.steps,
            starts=options.starts,
            seed=seed,
            each=lambda task=task: progress.advance(task),
        )
    maker = options.models[1]
    passed_on = made[maker][PGD, options.epsilon]
    for name in models:
        if name != maker:
            made[name][f"made on {maker}", options.epsilon] = passed_on
    return made


STUDY = Study(DetectionOptions, DetectionOptions.check, run)
