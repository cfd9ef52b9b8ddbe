"""Do poses turn with the image, and do they say how it lies? Fitted maps and linear probes."""

from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import Progress

from torchcaps.analysis.representation.representations import layer_names, represent
from torchcaps.analysis.representation.ridge import Splits, class_rows
from torchcaps.data import ImageDataset
from torchcaps.data.faces_scene import CLASSES
from torchcaps.models import Model
from torchcaps.studies.catalogue import Finding, Study
from torchcaps.studies.comparison import Comparison
from torchcaps.studies.equivariance_measures import (
    accuracies,
    load_parts,
    measure_layers,
    measure_readers,
    pose_drawn,
    pose_moved,
)
from torchcaps.studies.equivariance_report import EquivarianceResults, write_results
from torchcaps.studies.equivariance_table import ProbesTable
from torchcaps.studies.faces import FacesOptions


@dataclass(frozen=True)
class EquivarianceOptions(Comparison):
    """What a person may set."""

    study = "equivariance"

    beside: tuple[str, ...] = ("equivariant_capsnet", "cnn", "pooled_cnn")
    """The models it is compared with."""
    data: str = "digits"
    """Dataset, one of `torchcaps datasets`."""
    root: str | None = None
    """Folder of the data files (default: $TORCHCAPS_DATA, then the user's cache)."""
    images: int = 1000
    """Of each split, maps are fitted, chosen and tested on at most this many images."""
    faces_images: int = 1000
    """Train on this many images of faces, houses and cars, whose poses are known."""
    faces_epochs: int = 4
    """Passes over these."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.images < 1:
            raise ValueError(
                f"equivariance study, images: expected at least 1; got {self.images}; take 1000"
            )

    @property
    def faces(self) -> FacesOptions:
        """The same models, trained as the faces study trains them."""
        return FacesOptions(
            model=self.model,
            beside=self.beside,
            seeds=self.seeds,
            train_images=self.faces_images,
            epochs=self.faces_epochs,
            batch_size=self.batch_size,
            lr=self.lr,
        )

    def check(self) -> None:
        """Raise a `ValueError` for what a later run of the study would trip over."""
        super().check()
        self.faces.check()
        datasets = load_parts(self.recipe(self.model, 0), self.images)
        class_rows(Splits(*(part.labels for part in datasets)), "equivariance study, images")
        for name in self.models:
            layer_names(self.recipe(name, 0).build_model(datasets.train))


def run(options: EquivarianceOptions, folder: Path, quiet: bool, device: str = "auto") -> Finding:
    """Train every model on both data sets, fit maps and probes, write tables, figures, report."""
    models = options.train(folder, quiet=quiet, device=device)
    on_faces = options.faces.train(folder / "faces", quiet=quiet, device=device)
    datasets = load_parts(options.recipe(options.model, 0), options.images)
    width = _width(models[options.model][0])
    asked = {
        f"moved {options.data}": (models, pose_moved(datasets)),
        "drawn faces": (on_faces, pose_drawn()),
    }
    with Progress(console=Console(stderr=True), disable=quiet) as progress:
        table = measure_layers(models, datasets, progress)
        probed = {
            data: measure_readers(seeds, posed, width=width, data=data, progress=progress)
            for data, (seeds, posed) in asked.items()
        }
    seen = asked["drawn faces"][1].test
    results = EquivarianceResults(
        settings=asdict(options),
        command=options.command(),
        table=table,
        probes=ProbesTable(probed, width),
        accuracies=accuracies(models, datasets.test),
        on_faces=accuracies(on_faces, ImageDataset(seen.images, seen.labels, CLASSES)),
        costs=options.costs(folder, models),
        datasets=datasets,
    )
    return write_results(results, folder)


def _width(model: Model) -> int:
    """How many numbers the layer has that is probed."""
    return list(represent(model, torch.zeros(1, *model.in_shape)).values())[-1].shape[1]


STUDY = Study(EquivarianceOptions, EquivarianceOptions.check, run)
