"""The rotation study's tables, figures and report; every sentence follows from the numbers."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from torchcaps.analysis.pose.perturbation import perturb
from torchcaps.analysis.robustness.transform_robustness import TransformCurve
from torchcaps.data import ImageDataset
from torchcaps.figures.curves import Spread, accuracy_curves
from torchcaps.figures.images import image_grid
from torchcaps.figures.style import save_figure
from torchcaps.files import write_whole
from torchcaps.models import Model
from torchcaps.studies.catalogue import Finding
from torchcaps.studies.experiment import Cost, finish, head_of_json
from torchcaps.studies.report import Report
from torchcaps.studies.rotation_words import RotationTable, opening, verdict


@dataclass(frozen=True)
class RotationResults:
    """What the study measured. `curves` holds the model under test first, then its rivals."""

    settings: dict[str, Any]
    command: str
    curves: dict[str, TransformCurve]
    costs: dict[str, Cost]
    example: Model
    test_set: ImageDataset


def write_results(results: RotationResults, folder: Path) -> Finding:
    """Write results.json, table.csv, figures/ and report.html."""
    table = RotationTable(results.curves)
    write_whole(folder / "results.json", json.dumps(_as_json(results, table), indent=2) + "\n")
    write_whole(folder / "table.csv", table.csv())
    report = Report(f"Trained upright, tested turned: {' against '.join(results.curves)}")
    report.text(opening(results.settings, results.curves))
    report.table(table.header(), table.rows())
    _add_curves(report, results, table, folder)
    for sentence in verdict(table):
        report.text(sentence)
    if _decodes(results.example):
        _add_reconstructions(report, results, table, folder)
        _add_perturbation(report, results, folder)
    path = finish(report, folder, results.costs, results.command)
    return Finding(table.header(), table.rows(), path)


def _decodes(model: Model) -> bool:
    out = model(torch.zeros(1, *model.in_shape))
    return out.reconstruction is not None and out.poses is not None


def _as_json(results: RotationResults, table: RotationTable) -> dict[str, Any]:
    return {
        **head_of_json("rotation", results.command, results.settings, results.costs),
        "degrees": list(table.degrees),
        "accuracy_percent": {
            name: {
                "mean": curve.mean(),
                "sd": curve.sd(),
                "seeds": [curve.seeds(k) for k in range(len(curve.amounts))],
            }
            for name, curve in results.curves.items()
        },
        "advantage": table.advantage(),
        "reconstruction_mse": {
            name: [test.reconstruction_mse for test in curve.tests[0]]
            for name, curve in results.curves.items()
        },
    }


def _add_curves(
    report: Report, results: RotationResults, table: RotationTable, folder: Path
) -> None:
    figure = accuracy_curves(
        table.degrees,
        {name: Spread(curve.mean(), curve.sd()) for name, curve in results.curves.items()},
        title=table.finding(),
        xlabel="rotation of the test images (degrees, positive counter-clockwise)",
    )
    path = save_figure(figure, folder / "figures" / "rotation.png")
    report.picture(
        path.read_bytes(),
        "Accuracy against rotation; the band is one standard deviation over seeds.",
    )


def _add_reconstructions(
    report: Report, results: RotationResults, table: RotationTable, folder: Path
) -> None:
    firsts = [
        int((results.test_set.labels == label).nonzero()[0])
        for label in results.test_set.labels.unique().tolist()[:10]
    ]
    images, _ = results.test_set.batch(firsts)
    with torch.no_grad():
        out = results.example(images)
    assert out.reconstruction is not None
    named = [results.test_set.classes[k] for k in out.scores.argmax(-1).tolist()]
    figure = image_grid(
        [images, out.reconstruction],
        title="What the longest capsule remembers of the image",
        row_labels=["test image", "drawn from\nits capsule"],
        column_labels=named,
        xlabel="class of the longest capsule",
    )
    path = save_figure(figure, folder / "figures" / "reconstructions.png")
    report.heading("Back to the picture")
    upright = table.upright_mse()
    if upright is not None:
        report.text(
            f"The decoder sees nothing but the pose of the longest capsule. Its drawings of "
            f"upright test images are off by {upright:.4f} a pixel in mean square (an empty image: "
            f"{_empty_mse(results.test_set):.4f})."
        )
    report.picture(path.read_bytes(), "Test images, the first of each class, and their drawings.")


def _add_perturbation(report: Report, results: RotationResults, folder: Path) -> None:
    image, _ = results.test_set[0]
    moved = perturb(results.example, image)
    winner = results.test_set.classes[moved.winner]
    figure = image_grid(
        list(moved.images),
        title=f"One dimension of the pose at a time (capsule {winner})",
        row_labels=[f"dim {d}" for d in range(len(moved.images))],
        column_labels=[f"{offset:+.2f}" if offset else "0" for offset in moved.offsets],
        xlabel="added to that dimension of the pose",
        cell=0.6,
    )
    path = save_figure(figure, folder / "figures" / "perturbation.png")
    report.heading("What the numbers of a pose mean")
    report.text(
        "Each row moves one number of the winning capsule's pose by -0.25 to +0.25 and draws the "
        "result. A row in which thickness, slant or a stroke changes smoothly is a dimension that "
        "has come to stand for it; where nothing changes, the image had no need of that number."
    )
    report.picture(path.read_bytes(), "The middle column is the pose as measured.")


def _empty_mse(dataset: ImageDataset) -> float:
    images, _ = dataset.batch(range(len(dataset)))
    return images.square().mean().item()
