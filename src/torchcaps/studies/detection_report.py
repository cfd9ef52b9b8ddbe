"""The detection study's results, figures and report; every sentence follows from the numbers."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from torchcaps.analysis.robustness.detection import PGD, RECONSTRUCTIVE, Attacked
from torchcaps.analysis.robustness.detectors import RECONSTRUCTION, SCORE, detector_scores
from torchcaps.figures.detection import Pair, pair_rows, rate_panels
from torchcaps.figures.style import save_figure
from torchcaps.files import write_whole
from torchcaps.models import Model
from torchcaps.studies.catalogue import Finding
from torchcaps.studies.detection_lines import RATES, success_lines, undetected_lines
from torchcaps.studies.detection_table import DetectionTable
from torchcaps.studies.detection_words import (
    AUROC,
    finding,
    opening,
    pictures_finding,
    reading,
    success_finding,
    verdict,
)
from torchcaps.studies.experiment import Cost, finish, head_of_json
from torchcaps.studies.report import Report

_SHOWN = 5  # the first images, whatever the model makes of them


@dataclass(frozen=True)
class DetectionResults:
    """What the study measured. example: the model under test of seed 0; attacked: what was made
    of `images` on it."""

    settings: dict[str, Any]
    command: str
    table: DetectionTable
    costs: dict[str, Cost]
    example: Model
    images: Tensor
    attacked: dict[Attacked, Tensor]
    strange: dict[str, Tensor]


def write_results(results: DetectionResults, folder: Path) -> Finding:
    """Write results.json, table.csv, figures/ and report.html."""
    table = results.table
    write_whole(folder / "results.json", json.dumps(_as_json(results), indent=2) + "\n")
    write_whole(folder / "table.csv", table.csv())
    report = Report("Drawn badly: an alarm for attacked and strange images")
    report.text(opening(results.settings, table))
    report.table(table.header(), table.rows())
    report.text(reading(results.settings, table))
    _add_undetected(report, table, folder)
    report.heading("What follows")
    for sentence in verdict(table):
        report.text(sentence)
    _add_success(report, table, folder)
    report.heading("How well alarms tell images apart")
    report.text(AUROC)
    report.table(table.attack_header(), table.attack_rows())
    report.table(table.strange_header(), table.strange_rows())
    _add_pictures(report, results, folder)
    report.heading("Clean images")
    report.table(table.clean_header(), table.clean_rows())
    path = finish(report, folder, results.costs, results.command)
    return Finding(table.header(), table.rows(), path)


def _as_json(results: DetectionResults) -> dict[str, Any]:
    table = results.table
    return {
        **head_of_json("detection", results.command, results.settings, results.costs),
        "test_images": table.images,
        "seeds": {
            # JSON has no NaN: None is an AUROC of an attack that fools nobody.
            name: {
                key: [None if value != value else value for value in values]
                for key, values in table.measures(name).items()
            }
            for name in table.names
        },
        "false_alarm_rates": RATES,
        "undetected_by_rate": {
            f"{name}: {attack}: {alarm}": [
                table.undetected(name, attack, alarm, rate) for rate in RATES
            ]
            for name, alarm in table.watchers()
            for attack in table.attacks(name)
        },
    }


def _add_undetected(report: Report, table: DetectionTable, folder: Path) -> None:
    panels = {
        f"alarm: {alarm}": undetected_lines(table, alarm) for alarm in (RECONSTRUCTION, SCORE)
    }
    figure = rate_panels(
        [100 * rate for rate in RATES],
        panels,
        title=finding(table),
        xlabel="false alarms on clean validation images (%, at most)",
        ylabel="fooled and not detected (% of images)",
        every_nth=5,
    )
    path = save_figure(figure, folder / "figures" / "undetected.png")
    report.picture(
        path.read_bytes(),
        f"What is left undetected, pixels being changed by up to {table.epsilon:g}, as more false "
        "alarms are put up with; bands are one standard deviation over seeds.",
    )


def _add_success(report: Report, table: DetectionTable, folder: Path) -> None:
    figure = rate_panels(
        table.epsilons,
        {"": success_lines(table)},
        title=success_finding(table),
        xlabel="greatest change of a pixel (epsilon; pixels are from 0 to 1)",
        ylabel="fooled (% of images)",
    )
    path = save_figure(figure, folder / "figures" / "success.png")
    report.picture(
        path.read_bytes(),
        "How many images each attack succeeds on, whatever the alarms say. The reconstructive "
        "attack succeeds where PGD does: they part when the class is wrong.",
    )


def _add_pictures(report: Report, results: DetectionResults, folder: Path) -> None:
    table, model = results.table, results.example
    limit = table.detections[table.ours][0].threshold(RECONSTRUCTION, table.rate)
    sheets = {
        "clean": results.images,
        **{name: results.attacked[name, table.epsilon] for name in (PGD, RECONSTRUCTIVE)},
        **results.strange,
    }
    rows = {name: _pairs(model, sheet[:_SHOWN], limit) for name, sheet in sheets.items()}
    figure = pair_rows(
        rows,
        title=pictures_finding({n: [pair.alarmed for pair in pairs] for n, pairs in rows.items()}),
        legend=f"class, distance from image (left) to drawing (right); framed: above {limit:.3f}",
    )
    path = save_figure(figure, folder / "figures" / "drawings.png")
    report.picture(
        path.read_bytes(),
        f"Images and, to the right of each, what {model.name} of seed 0 draws of the class it "
        f"takes them for: the first {len(rows['clean'])} of a kind, not chosen.",
    )


def _pairs(model: Model, images: Tensor, limit: float) -> list[Pair]:
    watched = detector_scores(model, images)
    with torch.no_grad():
        drawn = model(images).reconstruction
    assert drawn is not None
    return [
        Pair(image, drawing, f"{model.classes[int(named)]}   {error:.3f}", bool(error > limit))
        for image, drawing, named, error in zip(
            images, drawn, watched.named, watched.alarms[RECONSTRUCTION].tolist(), strict=True
        )
    ]
