"""The faces study's results, figure and report; every sentence follows from the numbers."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from torchcaps.figures.scored import scored_images
from torchcaps.figures.style import save_figure
from torchcaps.files import write_whole
from torchcaps.studies.catalogue import Finding
from torchcaps.studies.experiment import Cost, finish, head_of_json
from torchcaps.studies.faces_words import FacesTable, opening, reading, verdict
from torchcaps.studies.report import Report

_SHOWN = 6  # the first faces, whatever the models say of them


@dataclass(frozen=True)
class FacesResults:
    """What the study measured. `images` holds the faces, then their twins by kind."""

    settings: dict[str, Any]
    command: str
    table: FacesTable
    costs: dict[str, Cost]
    tested: int
    images: dict[str, Tensor]


def write_results(results: FacesResults, folder: Path) -> Finding:
    """Write results.json, table.csv, figures/ and report.html."""
    table = results.table
    write_whole(folder / "results.json", json.dumps(_as_json(results), indent=2) + "\n")
    write_whole(folder / "table.csv", table.csv())
    report = Report("Trained on whole things, asked about scrambled faces")
    report.text(opening(results.settings, table, results.tested))
    report.table(table.header(), table.rows())
    report.text(reading(table))
    _add_figure(report, results, folder)
    report.heading("What follows")
    for sentence in verdict(table):
        report.text(sentence)
    report.heading("By the kind of scrambling")
    report.text("Percent called a face, then the AUROC against faces.")
    report.table(table.kinds_header(), table.kinds_rows("called a face"))
    report.table(table.kinds_header(), table.kinds_rows("AUROC"))
    path = finish(report, folder, results.costs, results.command)
    return Finding(table.header(), table.rows(), path)


def _as_json(results: FacesResults) -> dict[str, Any]:
    table = results.table
    return {
        **head_of_json("faces", results.command, results.settings, results.costs),
        "test_images": results.tested,
        "seeds": {name: table.measures(name) for name in table.names},
    }


def _add_figure(report: Report, results: FacesResults, folder: Path) -> None:
    rows = [images[:_SHOWN] for images in results.images.values()]
    first = {name: seeds[0] for name, seeds in results.table.tests.items()}
    figure = scored_images(
        rows,
        {
            name: [
                answers.shown[:_SHOWN].tolist() for answers in (test.faces, *test.twins.values())
            ]
            for name, test in first.items()
        },
        title=results.table.finding(),
        row_labels=[name.replace(" ", "\n", 1) for name in results.images],
        legend="says 'face': length of the capsule, or probability",
    )
    path = save_figure(figure, folder / "figures" / "faces.png")
    report.picture(
        path.read_bytes(),
        "Faces and, below each, its scrambled twins, with what the models of seed 0 say: the first "
        f"{len(rows[0])}, not chosen.",
    )
