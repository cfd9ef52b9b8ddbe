"""Trained on upright images, tested on rotated ones, in both directions."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from matplotlib.figure import Figure
from rich.console import Console
from rich.progress import Progress

from torchcaps.analysis.eval_mode import abilities, answer
from torchcaps.analysis.pose.angle_following import measure_angle_following
from torchcaps.analysis.pose.perturbation import perturb
from torchcaps.analysis.robustness.transform_robustness import measure_transform
from torchcaps.data import ImageDataset
from torchcaps.figures.curves import accuracy_curves
from torchcaps.figures.images import image_grid
from torchcaps.models import Model
from torchcaps.studies.catalogue import Finding, Study
from torchcaps.studies.experiment import Comparison, OnDataset, finish
from torchcaps.studies.results import Results


@dataclass(frozen=True)
class RotationOptions(OnDataset, Comparison):
    """Options of the study. All models are trained alike."""

    study = "rotation"

    model: str = "equivariant_capsnet"
    """The model that the others are compared with."""
    beside: tuple[str, ...] = ("capsnet_small", "cnn")
    """The models it is compared with."""
    lr: float = 3e-3
    """Adam's learning rate at the start."""
    schedule: Literal["constant", "cosine", "sabour2017"] = "cosine"
    """Of the learning rate: constant, cosine to 0, or the authors' 0.96 every 2,000 steps."""
    shift: int = 0
    """Shift each training image by up to this many pixels, anew in every epoch."""
    subpixel: bool = False
    """Shift by up to half a pixel more."""
    angles: tuple[float, ...] = (-45, -30, -15, 0, 15, 30, 45)
    """Degrees by which the test images are rotated, positive counter-clockwise."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.refuse_empty("angles")


def run(options: RotationOptions, folder: Path, quiet: bool, device: str = "auto") -> Finding:
    """Train every model with every seed, test at every angle, write tables, figures and report."""
    test_set = options.recipe(options.model, 0).load_data("test")
    models = options.train(folder, quiet=quiet, device=device)
    results = Results()
    with Progress(console=Console(stderr=True), disable=quiet) as progress:
        for name, seeds in models.items():
            task = progress.add_task(f"testing {name}", total=len(seeds) * len(options.angles))
            measure(results, seeds, test_set, options.angles, lambda t=task: progress.advance(t))
    drawing = [seeds[0] for seeds in models.values() if abilities(seeds[0]).reconstructs]
    drawn = next(iter(drawing), None)
    moved = next((model for model in drawing if not model.orientations), None)
    figures = {"rotation.svg": rotation_figure(results, options)}
    if drawn is not None:
        figures["reconstructions.png"] = reconstructions_figure(drawn, test_set)
    if moved is not None:
        figures["perturbation.png"] = perturbation_figure(moved, test_set)
    batches = test_set.batches(torch.arange(len(test_set)).split(250))
    empty = sum(images.square().mean((1, 2, 3)).sum().item() for images, _ in batches)
    return finish(
        options,
        results,
        options.costs(folder, models),
        folder,
        figures,
        table(results, options),
        test_images=len(test_set),
        drawn=drawn,
        moved=moved,
        empty_mse=empty / len(test_set),
        angles=[f"{angle:g}" for angle in options.angles],
    )


def measure(
    results: Results,
    seeds: list[Model],
    test_set: ImageDataset,
    angles: tuple[float, ...],
    each: Callable[[], object],
) -> None:
    """Add what one model reaches at every angle: accuracy, reconstruction error where it has a
    decoder, and the median error of the rotation that it reports where it reports one."""
    name = seeds[0].name
    following = [measure_angle_following(model, test_set, angles) for model in seeds]
    curve = measure_transform(seeds, test_set, "rotation", angles, each=each)
    for k, degrees in enumerate(angles):
        condition = f"{degrees:g}"
        results.add(name, "accuracy", curve.seeds(k), condition)
        errors = [test[k].reconstruction_mse for test in curve.tests]
        results.add(name, "reconstruction_mse", [e for e in errors if e is not None], condition)
        results.add(name, "rotation_error", [f[degrees] for f in following if f], condition)


def table(results: Results, options: RotationOptions) -> tuple[list[str], list[list[str]]]:
    """Header and one row an angle: accuracy in percent."""
    rows = [
        [
            f"{angle:+g}°" if angle else "0°",
            *(results.cell(m, "accuracy", f"{angle:g}", unit=" %") for m in options.models),
        ]
        for angle in options.angles
    ]
    return ["rotation", *options.models], rows


def rotation_figure(results: Results, options: RotationOptions) -> Figure:
    """Accuracy against the angle."""
    angles = [f"{angle:g}" for angle in options.angles]
    ahead = [
        f"of {other} at {len(results.verdicts(options.model, other, 'accuracy', angles)['ahead'])}"
        for other in options.models[1:]
    ]
    curves = {name: results.curve(name, "accuracy", angles) for name in options.models}
    return accuracy_curves(
        options.angles,
        curves,
        title=f"{options.model} is ahead {', '.join(ahead)} of {len(angles)} angles",
        xlabel="rotation of the test images (degrees, positive counter-clockwise)",
    )


def reconstructions_figure(model: Model, test_set: ImageDataset) -> Figure:
    """The first test image of each class, and what the model draws from its strongest capsule."""
    labels = test_set.labels.unique().tolist()[:10]
    images, _ = test_set.batch([int((test_set.labels == k).nonzero()[0]) for k in labels])
    out = answer(model, images)
    assert out.reconstruction is not None
    return image_grid(
        [images, out.reconstruction],
        title=f"Test images and their reconstructions by {model.name}",
        row_labels=["test image", "reconstruction"],
        column_labels=[model.classes[k] for k in out.scores.argmax(-1).tolist()],
        xlabel="predicted class",
    )


def perturbation_figure(model: Model, test_set: ImageDataset) -> Figure:
    """The reconstruction with one dimension of the pose moved at a time."""
    moved = perturb(model, test_set[0][0])
    return image_grid(
        [row.cpu() for row in moved.images],
        title=f"One dimension of the pose at a time ({model.classes[moved.winner]})",
        row_labels=[f"dim {d}" for d in range(len(moved.images))],
        column_labels=[f"{offset:+.2f}" if offset else "0" for offset in moved.offsets],
        xlabel="added to that dimension of the pose",
        cell=0.6,
    )


STUDY = Study(RotationOptions, RotationOptions.check, run)
