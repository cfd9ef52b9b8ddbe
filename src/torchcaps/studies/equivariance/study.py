"""Do poses rotate with the image, and can its pose be read from them? Linear maps and probes."""

from dataclasses import dataclass
from pathlib import Path

import torch
from matplotlib.figure import Figure
from rich.console import Console
from rich.progress import Progress

from torchcaps.analysis.representation.representations import layer_names, represent
from torchcaps.analysis.representation.ridge import Splits, class_rows
from torchcaps.data import ImageDataset
from torchcaps.data.faces_scene import CLASSES
from torchcaps.figures.equivariance import equivariance_panels
from torchcaps.figures.probes import probe_bars
from torchcaps.models import Model
from torchcaps.models.model import POSES
from torchcaps.studies.catalogue import Finding, Study
from torchcaps.studies.equivariance.measure import (
    DRAWN,
    PIXELS,
    add_accuracy,
    add_layers,
    add_probes,
    drawn_targets,
    load_splits,
    targets_of,
    transforms,
    where,
)
from torchcaps.studies.experiment import Comparison, OnDataset, finish
from torchcaps.studies.faces.study import FacesOptions
from torchcaps.studies.results import Results


@dataclass(frozen=True)
class EquivarianceOptions(OnDataset, Comparison):
    """Options of the study."""

    study = "equivariance"

    beside: tuple[str, ...] = ("equivariant_capsnet", "cnn", "pooled_cnn")
    """The models it is compared with."""
    images: int = 1000
    """Maps are fitted, chosen and tested on at most this many images of each split."""
    faces_images: int = 1000
    """Train on this many drawings of faces, houses and cars, whose poses are known."""
    faces_epochs: int = 4
    """Passes over these."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_sizes("images")

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
        datasets = load_splits(self.recipe(self.model, 0), self.images)
        class_rows(Splits(*(part.labels for part in datasets)), "equivariance study, images")
        for name in self.models:
            layer_names(self.recipe(name, 0).build_model(datasets.train))


def run(options: EquivarianceOptions, folder: Path, quiet: bool, device: str = "auto") -> Finding:
    """Train every model on both datasets, fit maps and probes, write tables, figures, report."""
    models = options.train(folder, quiet=quiet, device=device)
    on_faces = options.faces.train(folder / "faces", quiet=quiet, device=device)
    datasets = load_splits(options.recipe(options.model, 0), options.images)
    drawings, width = drawn_targets(), _width(models[options.model][0])
    moved = f"moved {options.data}"
    results = Results()
    add_accuracy(results, models, datasets.test, options.data)
    seen = ImageDataset(drawings.test.images, drawings.test.labels, CLASSES)
    add_accuracy(results, on_faces, seen, DRAWN)
    with Progress(console=Console(stderr=True), disable=quiet) as progress:
        add_layers(results, models, datasets, progress)
        for data, nets, targets in (
            (moved, models, targets_of(datasets)),
            (DRAWN, on_faces, drawings),
        ):
            add_probes(results, nets, targets, width=width, data=data, progress=progress)
    layers = {name: layer_names(seeds[0]) for name, seeds in models.items()}
    known = {
        "layers": layers,
        "read": {name: POSES if POSES in names else names[-1] for name, names in layers.items()},
        "transforms": transforms(datasets.test.in_shape[-1]),
        "quantities": {
            data: [c.removeprefix(f"{data}: ") for c in results.names("condition", metric="equal")
                   if c.startswith(f"{data}: ")]
            for data in (moved, DRAWN)
        },
        "width": width,
    }  # fmt: skip
    return finish(
        options,
        results,
        options.costs(folder, models),
        folder,
        {
            "equivariance.svg": layers_figure(results, known),
            "probes.svg": probes_figure(results, known),
        },
        table(results, known, options),
        sizes=[len(part) for part in datasets],
        shuffled=_largest_control(results, known),
        where=where,
        **known,
    )


def _width(model: Model) -> int:
    """How many numbers the last layer has, which is probed."""
    images = torch.zeros(1, *model.in_shape)
    return list(represent(model, images).values())[-1].shape[1]


def table(
    results: Results, known: dict, options: EquivarianceOptions
) -> tuple[list[str], list[list[str]]]:
    """Header and one row a model: rotation alone."""
    rows = [
        [
            name,
            results.cell(name, "accuracy", options.data, digits=1),
            results.cell(name, "error", where(known["read"][name], "rotation")),
            *(results.cell(name, "equal", where(data, "rotation")) for data in known["quantities"]),
        ]
        for name in options.models
    ]
    return ["model", "accuracy (%)", "error", "R², moved", "R², drawn"], rows


def layers_figure(results: Results, known: dict) -> Figure:
    """The error of every layer, a line for every transform."""
    panels = {
        name: {
            transform: results.curve(name, "error", [where(x, transform) for x in names])
            for transform in known["transforms"]
        }
        for name, names in known["layers"].items()
    }
    parts = (
        f"{100 * results.mean(name, 'error', where(layer, 'rotation')):.0f} % in {name}"
        for name, layer in known["read"].items()
    )
    title = f"Of a rotation, the fitted map misses where scores are read:\n{', '.join(parts)}"
    return equivariance_panels(known["layers"], panels, title=title)


def probes_figure(results: Results, known: dict) -> Figure:
    """R² of every quantity, a bar for every network, and the controls."""
    names, control = [*known["layers"], PIXELS], "shuffled"
    bars = {}
    for data, quantities in known["quantities"].items():
        conditions = [where(data, quantity) for quantity in quantities]
        bars[data] = {name: results.curve(name, "equal", conditions) for name in names}
        bars[data][control] = results.curve(names[0], control, conditions)
    parts = (
        f"{results.mean(name, 'equal', where(DRAWN, 'rotation')):.2f} from {name}"
        for name in known["layers"]
    )
    title = f"R² of rotation from {known['width']} numbers ({DRAWN}):\n{', '.join(parts)}"
    return probe_bars(known["quantities"], bars, title=title, controls=(PIXELS, control))


def _largest_control(results: Results, known: dict) -> float:
    """The largest R² after a shuffle, over networks, datasets and quantities."""
    return max(
        results.mean(name, "shuffled", where(data, quantity))
        for name in [*known["layers"], PIXELS]
        for data, quantities in known["quantities"].items()
        for quantity in quantities
    )


STUDY = Study(EquivarianceOptions, EquivarianceOptions.check, run)
