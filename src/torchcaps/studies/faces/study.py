"""Trained on faces, houses and cars, tested on scrambled faces: are the places of parts known?"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from matplotlib.figure import Figure
from rich.console import Console
from rich.progress import Progress
from torch import Tensor

from torchcaps.analysis.representation.scrambled import ScrambledTest, measure_scrambled
from torchcaps.data.faces import SCRAMBLED, draw
from torchcaps.data.faces_scene import FIGURES
from torchcaps.figures.scored import scored_images
from torchcaps.studies.catalogue import Finding, Study
from torchcaps.studies.experiment import Comparison, finish
from torchcaps.studies.results import Results
from torchcaps.training import Recipe, evaluate

SEED = 1973  # of the faces of this test; the dataset has another
SHOWN = 6  # the first faces, whatever the scores


@dataclass(frozen=True)
class FacesOptions(Comparison):
    """Options of the study. All models are trained alike."""

    study = "faces"

    beside: tuple[str, ...] = ("cnn", "pooled_cnn")
    """The models it is compared with."""
    train_images: int | None = 2000
    """Train on this many images of faces, houses and cars, drawn by the seed."""
    epochs: int = 10
    """Passes over the training images."""
    missing: float = 0.75
    """Share of the images that lack the eyes, the nose or the mouth."""
    faces: int = 1000
    """Faces that are compared with their scrambled twins, one of every kind."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_sizes("faces")

    def recipe(self, model: str, seed: int) -> Recipe:
        own = {"missing": self.missing}
        return replace(super().recipe(model, seed), data="faces", data_options=own)


def run(options: FacesOptions, folder: Path, quiet: bool, device: str = "auto") -> Finding:
    """Train every model with every seed, classify faces and their twins, write the report."""
    models = options.train(folder, quiet=quiet, device=device)
    test_set = options.recipe(options.model, 0).load_data("test")
    faces, *scrambled = (
        draw(options.faces, (kind,), seed=SEED).images for kind in ("face", *SCRAMBLED)
    )
    twins: dict[str, Tensor] = dict(zip(SCRAMBLED, scrambled, strict=True))
    results, first = Results(), {}
    with Progress(console=Console(stderr=True), disable=quiet) as progress:
        for name, seeds in models.items():
            task = progress.add_task(f"testing {name}", total=len(seeds))
            accuracies, tests = [], []
            for model in seeds:
                accuracies.append(100 * evaluate(model, test_set, model.make_loss()).accuracy)
                label = model.classes.index("face")
                tests.append(measure_scrambled(model, faces, twins, label))
                progress.advance(task)
            add(results, name, accuracies, tests)
            first[name] = tests[0]
    return finish(
        options,
        results,
        options.costs(folder, models),
        folder,
        {"faces.png": faces_figure(first, {"face": faces, **twins})},
        table(results, options),
        test_images=len(test_set),
        chance=100 / test_set.num_classes,
        kinds={kind: in_place(kind) for kind in SCRAMBLED},
        shown=min(SHOWN, options.faces),
    )


def add(results: Results, name: str, accuracies: list[float], tests: list[ScrambledTest]) -> None:
    """Add what one model reaches, one number a seed; shares are in percent. The condition
    "scrambled" stands for all kinds of twins."""
    results.add(name, "accuracy", accuracies)
    results.add(name, "classified_as_face", [test.faces.percent() for test in tests], "face")
    results.add(name, "classified_as_face", [test.percent() for test in tests], "scrambled")
    results.add(name, "auroc", [test.auroc() for test in tests], "scrambled")
    by_scores = [test.auroc(own_scores=True) for test in tests]
    results.add(name, "auroc_of_scores", by_scores, "scrambled")
    for kind in tests[0].twins:
        shares = [test.twins[kind].percent() for test in tests]
        results.add(name, "classified_as_face", shares, kind)
        results.add(name, "auroc", [test.auroc(kind) for test in tests], kind)


def table(results: Results, options: FacesOptions) -> tuple[list[str], list[list[str]]]:
    """Header and one row a model."""
    header = [
        "model",
        "test accuracy",
        "faces classified as faces",
        "scrambled faces classified as faces",
        "AUROC, faces against scrambled faces",
    ]
    rows = [
        [
            name,
            results.cell(name, "accuracy", digits=1, unit=" %"),
            results.cell(name, "classified_as_face", "face", digits=1, unit=" %"),
            results.cell(name, "classified_as_face", "scrambled", digits=1, unit=" %"),
            results.cell(name, "auroc", "scrambled", digits=3),
        ]
        for name in options.models
    ]
    return header, rows


def faces_figure(tests: Mapping[str, ScrambledTest], images: Mapping[str, Tensor]) -> Figure:
    """The first faces and their twins, under each the confidence of every model in "face"."""
    return scored_images(
        [rows[:SHOWN] for rows in images.values()],
        {
            name: [
                scores.confidence[:SHOWN].tolist() for scores in (test.faces, *test.twins.values())
            ]
            for name, test in tests.items()
        },
        title="Confidence of each model that the image is a face",
        row_labels=[kind.replace(" ", "\n", 1) for kind in images],
        legend="length of the face capsule, or probability of a face",
    )


def in_place(kind: str) -> str:
    """The part of a scrambled face that is where a face has it."""
    pairs = zip(FIGURES[kind], FIGURES["face"], strict=True)
    return " and ".join(part for part, wanted in pairs if part == wanted)


STUDY = Study(FacesOptions, FacesOptions.check, run)
