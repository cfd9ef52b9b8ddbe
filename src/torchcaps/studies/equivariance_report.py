"""The equivariance study's tables, figures and report; every sentence follows from the numbers."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from torchcaps.analysis.representation.ridge import Splits
from torchcaps.data import ImageDataset
from torchcaps.figures.equivariance import equivariance_panels
from torchcaps.figures.probes import probe_bars
from torchcaps.figures.style import save_figure
from torchcaps.files import write_whole
from torchcaps.studies.catalogue import Finding
from torchcaps.studies.equivariance_measures import transforms
from torchcaps.studies.equivariance_probes_words import (
    PROBES,
    SELECTIVITY,
    probes_finding,
    probes_verdict,
)
from torchcaps.studies.equivariance_table import (
    PIXELS,
    SHUFFLED,
    EquivarianceTable,
    ProbesTable,
    as_csv,
)
from torchcaps.studies.equivariance_words import (
    ERROR,
    faces_told,
    finding,
    moves_told,
    opening,
    verdict,
)
from torchcaps.studies.experiment import Cost, finish, head_of_json
from torchcaps.studies.report import Report
from torchcaps.studies.words import cell


@dataclass(frozen=True)
class EquivarianceResults:
    """What the study measured. `accuracies[model]` and, of those that learnt faces,
    `on_faces[model]` are in percent, one a seed."""

    settings: dict[str, Any]
    command: str
    table: EquivarianceTable
    probes: ProbesTable
    accuracies: dict[str, list[float]]
    on_faces: dict[str, list[float]]
    costs: dict[str, Cost]
    datasets: Splits[ImageDataset]

    def header(self) -> list[str]:
        """Of the summary, which is about rotation alone."""
        return ["model", "right (%)", "missed", "R², moved", "R², drawn"]

    def rows(self) -> list[list[str]]:
        """Cells as text, one row a model."""
        return [
            [
                name,
                cell(self.accuracies[name], digits=1),
                cell(self.table.missed(name, "rotation")),
                *(
                    cell(self.probes.get("equal", data, name, "rotation"))
                    for data in self.probes.data
                ),
            ]
            for name in self.table.names
        ]


def write_results(results: EquivarianceResults, folder: Path) -> Finding:
    """Write results.json, table.csv, figures/ and report.html."""
    table, probes = results.table, results.probes
    write_whole(folder / "results.json", json.dumps(_as_json(results), indent=2) + "\n")
    write_whole(folder / "table.csv", as_csv(table, probes))
    report = Report("Do poses turn with the image, and do they say how it lies?")
    report.text(opening(results.settings, table, [*map(len, results.datasets)]))
    report.table(results.header(), results.rows())
    report.text(
        f"Right: of the {results.settings['data']}, none moved. Missed: what a linear map misses "
        "of a rotation, in the layer that scores are read from. R²: of the rotation of "
        f"{' and of '.join(probes.data)}, read from at most {probes.width} numbers. "
        + faces_told(results.on_faces)
    )
    _tell_layers(report, results, folder)
    _tell_readers(report, probes, folder)
    path = finish(report, folder, results.costs, results.command)
    return Finding(results.header(), results.rows(), path)


def _tell_layers(report: Report, results: EquivarianceResults, folder: Path) -> None:
    table = results.table
    report.heading("Does a linear map tell what a move changes?")
    report.text(ERROR)
    report.text(moves_told(transforms(results.datasets.test.in_shape[-1])))
    panels = equivariance_panels(table.layers, table.panels(), title=finding(table))
    report.picture(
        save_figure(panels, folder / "figures" / "equivariance.png").read_bytes(),
        "The error of every layer, from the image on; bars are one standard deviation over seeds.",
    )
    for sentence in verdict(table):
        report.text(sentence)
    report.text("The error:")
    report.table(table.header(), table.rows("error"))
    report.text("R² of the same maps, 1 − ‖f(gx) − ρ(g) f(x)‖² over the variance of f(gx):")
    report.table(table.header(), table.rows("r2"))
    report.text(
        "How much there is to tell: ‖f(gx) − f(x)‖ as a share of how much images differ in the "
        "layer. 0 is an invariant layer."
    )
    report.table(table.header(), table.rows("change"))
    report.text(
        "Percent by which lengths change on average: of the capsule of the image's class, or of "
        "the whole penultimate layer. A capsule's length is to stay as it is."
    )
    report.table(table.header(), table.lengths_rows())


def _tell_readers(report: Report, probes: ProbesTable, folder: Path) -> None:
    report.heading("Do poses say how a thing lies?")
    report.text(PROBES)
    bars = probe_bars(
        probes.quantities, probes.bars(), title=probes_finding(probes), controls=(PIXELS, SHUFFLED)
    )
    report.picture(
        save_figure(bars, folder / "figures" / "probes.png").read_bytes(),
        f"Read from at most {probes.width} numbers each; lines on bars are one standard deviation "
        f"over seeds. Shuffled: the poses of {probes.ours}, handed to other images.",
    )
    for sentence in probes_verdict(probes):
        report.text(sentence)
    readings = {
        "equal": f"R² from at most {probes.width} numbers",
        "whole": "R² from all numbers of the layer",
        "shuffled": "R² after the shuffle",
        "selectivity": "selectivity",
    }
    for data in probes.data:
        report.heading(f"{data[0].upper()}{data[1:]}")
        for reading, what in readings.items():
            report.text(
                SELECTIVITY if reading == "selectivity" else f"{what[0].upper()}{what[1:]}."
            )
            report.table(probes.header(data), probes.rows(reading, data))


def _as_json(results: EquivarianceResults) -> dict[str, Any]:
    return {
        **head_of_json("equivariance", results.command, results.settings, results.costs),
        "images": asdict(Splits(*map(len, results.datasets))),
        "accuracy_percent": results.accuracies,
        "faces_accuracy_percent": results.on_faces,
        "layers": {
            name: [
                {layer: {t: asdict(e) for t, e in by.items()} for layer, by in seed.items()}
                for seed in seeds
            ]
            for name, seeds in results.table.found.items()
        },
        "own_rho": results.table.own,
        "width": results.probes.width,
        "probes": {
            data: {name: [asdict(each) for each in seeds] for name, seeds in readers.items()}
            for data, readers in results.probes.probed.items()
        },
    }
