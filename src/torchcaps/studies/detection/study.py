"""Do reconstructions reveal adversarial and out-of-distribution images?"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure
from rich.console import Console
from rich.progress import Progress
from torch import Tensor

from torchcaps.analysis.eval_mode import answer, require
from torchcaps.analysis.robustness.detection import (
    FGSM,
    PGD,
    RECONSTRUCTIVE,
    Attacked,
    Detection,
    attacks_on,
    make_attacks,
    measure_detection,
)
from torchcaps.analysis.robustness.detectors import RECONSTRUCTION, SCORE, detector_scores
from torchcaps.analysis.robustness.out_of_distribution import out_of_distribution
from torchcaps.figures.detection import Line, Pair, pair_rows, rate_panels
from torchcaps.models import Model
from torchcaps.studies.catalogue import Finding, Study
from torchcaps.studies.detection.measure import RATES, add_detections
from torchcaps.studies.experiment import Comparison, OnDataset, finish
from torchcaps.studies.report import listed
from torchcaps.studies.results import Results

# The success rate is measured at these multiples of epsilon.
SHARES = (0.25, 0.5, 0.75, 1.0, 1.5)


@dataclass(frozen=True)
class DetectionOptions(OnDataset, Comparison):
    """Options of the study. The model must have a decoder."""

    study = "detection"

    beside: tuple[str, ...] = ("cnn", "pooled_cnn")
    """The models it is compared with. Attacks on the first are transferred to the others."""
    epochs: int = 60
    """Passes over the training images."""
    epsilon: float = 0.2
    """Largest change of a pixel (0 to 1) by an attack; also 1/4 to 3/2 of it are tried."""
    steps: int = 20
    """Steps of an attack."""
    starts: int = 5
    """Random starts of an attack; the best of all its steps is kept."""
    false_positive_rate: float = 0.05
    """Share of the clean validation images that a detector may flag."""
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
        if not 0 <= self.false_positive_rate < 1:
            raise ValueError(
                f"detection study, false_positive_rate: expected a share from 0 to below 1; got "
                f"{self.false_positive_rate}; take 0.05"
            )
        self.check_sizes("steps", "starts", "images")

    @property
    def epsilons(self) -> tuple[float, ...]:
        return tuple(share * self.epsilon for share in SHARES)

    def check(self) -> None:
        """Raise a `ValueError` for what a later run of the study would trip over."""
        train_set = self.recipe(self.model, 0).load_data("train")
        model = self.recipe(self.model, 0).build_model(train_set)
        require("reconstructs", model, "detection study")
        super().check()


def run(options: DetectionOptions, folder: Path, quiet: bool, device: str = "auto") -> Finding:
    """Train every model with every seed, attack it, score images of no class, write the report."""
    recipe = options.recipe(options.model, 0)
    validation, test_set = recipe.load_data("validation"), recipe.load_data("test")
    count = min(options.images, len(test_set))
    images, labels = test_set.batch(range(count))
    others = out_of_distribution(test_set, count)
    models = options.train(folder, quiet=quiet, device=device)
    found: dict[str, list[Detection]] = {name: [] for name in models}
    shown: dict[str, Tensor] = {}
    with Progress(console=Console(stderr=True), disable=quiet) as progress:
        for seed in range(options.seeds):
            these = {name: seeds[seed] for name, seeds in models.items()}
            attacked = _attack_all(these, images, labels, options, seed, progress)
            for name, model in these.items():
                found[name].append(
                    measure_detection(model, validation, images, labels, attacked[name], others)
                )
            ours = attacked[options.model]
            shown = shown or {name: ours[name, options.epsilon] for name in (PGD, RECONSTRUCTIVE)}
    results = Results()
    for name, seeds in found.items():
        add_detections(results, name, seeds, options.epsilon, options.false_positive_rate)
    sheets = {"clean": images, **shown, **others}
    return finish(
        options,
        results,
        options.costs(folder, models),
        folder,
        {
            "undetected.svg": undetected_figure(results, options),
            "success.svg": success_figure(results, options),
            "reconstructions.png": pictures_figure(results, models[options.model][0], sheets),
        },
        table(results, options),
        validation_images=len(validation),
        test_images=count,
        kinds=list(others),
    )


def _attack_all(
    models: dict[str, Model],
    images: Tensor,
    labels: Tensor,
    options: DetectionOptions,
    seed: int,
    progress: Progress,
) -> dict[str, dict[Attacked, Tensor]]:
    """The attacked images for every network: by attacks on itself at all epsilons, and at the
    epsilon of the table by PGD on the second network."""
    made = {}
    for name, model in models.items():
        total = len(options.epsilons) * len(attacks_on(model))
        task = progress.add_task(f"attacking {name}, seed {seed}", total=total)
        made[name] = make_attacks(
            model, images, labels, options.epsilons,
            steps=options.steps, starts=options.starts, seed=seed,
            each=lambda task=task: progress.advance(task),
        )  # fmt: skip
    maker = options.models[1]
    for name in models:
        if name != maker:
            made[name][f"PGD from {maker}", options.epsilon] = made[maker][PGD, options.epsilon]
    return made


def table(results: Results, options: DetectionOptions) -> tuple[list[str], list[list[str]]]:
    """Header and one row an attack on a model, in percent."""
    rate, ending = f"{options.false_positive_rate:g}", f", {options.epsilon:g}"
    rows = [
        [
            name,
            attack,
            results.cell(name, "success_rate", attack + ending, digits=1),
            *(
                results.cell(name, "undetected_rate", f"{attack}, {detector}, {rate}", digits=1)
                for detector in (RECONSTRUCTION, SCORE)
            ),
        ]
        for name in options.models
        for condition in results.names("condition", model=name, metric="success_rate")
        if (attack := condition.removesuffix(ending)) != condition
    ]
    header = ["model", "attack", "success (%)", "past decoder", "past score"]
    return header, rows


def success_figure(results: Results, options: DetectionOptions) -> Figure:
    """Success rate against epsilon. The reconstructive attack succeeds on the images of PGD."""
    lines = {
        f"{attack} on {name}": Line(
            look,
            results.curve(name, "success_rate", [f"{attack}, {e:g}" for e in options.epsilons]),
        )
        for look, (name, attack) in enumerate(_shown(options))
        if attack != RECONSTRUCTIVE
    }
    at = f"{PGD}, {options.epsilon:g}"
    rates = [f"{results.mean(name, 'success_rate', at):.0f} % ({name})" for name in options.models]
    return rate_panels(
        options.epsilons,
        {"": lines},
        title=f"Success rate of PGD at epsilon {options.epsilon:g}:\n{listed(rates)}",
        xlabel="largest change of a pixel (epsilon; pixels are from 0 to 1)",
        ylabel="attack success rate (%)",
    )


def undetected_figure(results: Results, options: DetectionOptions) -> Figure:
    """Undetected rate against the false positive rate, a panel for each detector."""
    panels = {
        f"detector: {detector}": {
            f"{attack} on {name}": Line(
                look,
                results.curve(
                    name,
                    "undetected_rate",
                    [f"{attack}, {detector}, {r:g}" for r in RATES],
                ),
            )
            for look, (name, attack) in enumerate(_shown(options))
            if results.values(name, "threshold", detector)
        }
        for detector in (RECONSTRUCTION, SCORE)
    }
    blind, adaptive = (
        results.mean(
            options.model,
            "undetected_rate",
            f"{attack}, {RECONSTRUCTION}, {options.false_positive_rate:g}",
        )
        for attack in (PGD, RECONSTRUCTIVE)
    )
    return rate_panels(
        [100 * rate for rate in RATES],
        panels,
        title=f"Undetected by the reconstruction of {options.model} at "
        f"{100 * options.false_positive_rate:g} % false positives:\nPGD {blind:.0f} %, the attack "
        f"that knows the detector {adaptive:.0f} %",
        xlabel="false positive rate on validation images (%, at most)",
        ylabel="undetected rate (% of images)",
        every_nth=5,
    )


def pictures_figure(results: Results, model: Model, sheets: Mapping[str, Tensor]) -> Figure:
    """The first images of each kind, not selected, each beside its reconstruction."""
    limit = results.values(model.name, "threshold", RECONSTRUCTION)[0]
    rows = {name: _pairs(model, images[:5], limit) for name, images in sheets.items()}
    flagged = [f"{sum(p.alarmed for p in row)} of {len(row)} {name}" for name, row in rows.items()]
    return pair_rows(
        rows,
        title=f"Flagged by the reconstruction: {listed(flagged)}",
        legend=f"class, distance of the two; framed: above {limit:.3f}, the threshold",
    )


def _pairs(model: Model, images: Tensor, limit: float) -> list[Pair]:
    found = detector_scores(model, images)
    drawn = answer(model, images).reconstruction
    assert drawn is not None
    return [
        Pair(image, drawing, f"{model.classes[int(k)]}   {error:.3f}", bool(error > limit))
        for image, drawing, k, error in zip(
            images, drawn, found.predicted, found.scores[RECONSTRUCTION].tolist(), strict=True
        )
    ]


def _shown(options: DetectionOptions) -> list[tuple[str, str]]:
    """Models and attacks of the figures, in the order of their colours."""
    ours = [(options.model, attack) for attack in (FGSM, PGD, RECONSTRUCTIVE)]
    return ours + [(name, PGD) for name in options.models[1:]]


STUDY = Study(DetectionOptions, DetectionOptions.check, run)
