"""Trained upright, tested turned: the series' experiment, in both directions, with its spread."""

from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from torchcaps.analysis.robustness.transform_robustness import measure_transform
from torchcaps.studies.catalogue import Finding, Study
from torchcaps.studies.comparison import Comparison
from torchcaps.studies.rotation_report import RotationResults, write_results
from torchcaps.training.recipe import Schedule

ANGLES = tuple(range(-45, 46, 15))


@dataclass(frozen=True)
class RotationOptions(Comparison):
    """What a person may set. The advantage is over the first of `beside`."""

    study = "rotation"

    data: str = "digits"
    """Dataset, one of `torchcaps datasets`."""
    root: str | None = None
    """Folder of the data files (default: $TORCHCAPS_DATA, then the user's cache)."""
    schedule: Schedule = "constant"
    """Of the learning rate: constant, cosine to 0, or the authors' 0.96 every 2,000 steps."""
    shift: int = 0
    """Shift each training image by up to this many pixels, anew in every epoch."""
    subpixel: bool = False
    """Shift by up to half a pixel more."""
    angles: tuple[float, ...] = ANGLES
    """Degrees at which the test images are turned, positive counter-clockwise."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.refuse_empty("angles")


def run(options: RotationOptions, folder: Path, quiet: bool, device: str = "auto") -> Finding:
    """Train every model with every seed, test at every angle, write tables, figures and report."""
    test_set = options.recipe(options.model, 0).load_data("test")
    models = options.train(folder, quiet=quiet, device=device)
    curves = {}
    with Progress(console=Console(stderr=True), disable=quiet) as progress:
        for name, seeds in models.items():
            task = progress.add_task(f"turning for {name}", total=len(seeds) * len(options.angles))
            curves[name] = measure_transform(
                seeds,
                test_set,
                "rotation",
                options.angles,
                each=lambda task=task: progress.advance(task),
            )
    results = RotationResults(
        settings=asdict(options),
        command=options.command(),
        curves=curves,
        costs=options.costs(folder, models),
        example=models[options.model][0],
        test_set=test_set,
    )
    return write_results(results, folder)


STUDY = Study(RotationOptions, RotationOptions.check, run)
