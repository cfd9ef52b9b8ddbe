"""Trained on things, asked about scrambled ones: does a network know where the parts belong?"""

from dataclasses import asdict, dataclass, replace
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from torchcaps.analysis.representation.scrambled import measure_twins
from torchcaps.data.faces import SCRAMBLED, draw
from torchcaps.studies.catalogue import Finding, Study
from torchcaps.studies.comparison import Comparison
from torchcaps.studies.faces_report import FacesResults, write_results
from torchcaps.studies.faces_words import FacesTable
from torchcaps.training import Recipe, evaluate

_SEED = 1973  # of the faces that are asked about; the dataset has another


@dataclass(frozen=True)
class FacesOptions(Comparison):
    """What a person may set."""

    study = "faces"

    beside: tuple[str, ...] = ("cnn", "pooled_cnn")
    """The models it is compared with."""
    train_images: int | None = 2000
    """Train on this many images of whole things, drawn by the seed."""
    epochs: int = 10
    """Passes over the training images."""
    missing: float = 0.75
    """The share of the images of things that lack the eyes, the nose or the mouth."""
    faces: int = 1000
    """Faces that the models are asked about, each with a twin of every scrambling."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.faces < 1:
            raise ValueError(
                f"faces study, faces: expected at least 1; got {self.faces}; take 1000"
            )

    def recipe(self, model: str, seed: int) -> Recipe:
        own = {"missing": self.missing}
        return replace(super().recipe(model, seed), data="faces", data_options=own)


def run(options: FacesOptions, folder: Path, quiet: bool, device: str = "auto") -> Finding:
    """Train every model on whole things, ask it about faces and their twins, write the report."""
    models = options.train(folder, quiet=quiet, device=device)
    test_set = options.recipe(options.model, 0).load_data("test")
    faces = draw(options.faces, ("face",), seed=_SEED).images
    twins = {kind: draw(options.faces, (kind,), seed=_SEED).images for kind in SCRAMBLED}
    accuracies, tests = {}, {}
    with Progress(console=Console(stderr=True), disable=quiet) as progress:
        for name, seeds in models.items():
            task = progress.add_task(f"asking {name}", total=2 * len(seeds))
            accuracies[name], tests[name] = [], []
            for model in seeds:
                test = evaluate(model, test_set, model.make_loss())
                accuracies[name].append(100 * test.accuracy)
                progress.advance(task)
                label = test_set.classes.index("face")
                tests[name].append(measure_twins(model, faces, twins, label))
                progress.advance(task)
    results = FacesResults(
        settings=asdict(options),
        command=options.command(),
        table=FacesTable(accuracies, tests, test_set.num_classes),
        costs=options.costs(folder, models),
        tested=len(test_set),
        images={"face": faces, **twins},
    )
    return write_results(results, folder)


STUDY = Study(FacesOptions, FacesOptions.check, run)
