"""The iterations study's tables, figures and report; every sentence follows from the numbers."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from torchcaps.analysis.routing.routing_trace import RoutingExample
from torchcaps.figures.iterations import iteration_curves
from torchcaps.figures.routing import routing_diagram
from torchcaps.figures.squash import squash_figure
from torchcaps.figures.style import save_figure
from torchcaps.files import write_whole
from torchcaps.studies.catalogue import Finding
from torchcaps.studies.experiment import Cost, finish, head_of_json
from torchcaps.studies.iterations_table import IterationsTable
from torchcaps.studies.iterations_words import MEASURES, REPLACEMENTS, finding, opening, verdict
from torchcaps.studies.report import Report


@dataclass(frozen=True)
class IterationsResults:
    """What the study measured; `image` and `example` are one test image on its way."""

    settings: dict[str, Any]
    command: str
    table: IterationsTable
    costs: dict[str, Cost]
    image: Tensor
    example: RoutingExample
    classes: Sequence[str]


def write_results(results: IterationsResults, folder: Path) -> Finding:
    """Write results.json, table.csv, figures/ and report.html."""
    table, figures = results.table, folder / "figures"
    write_whole(folder / "results.json", json.dumps(_as_json(results), indent=2) + "\n")
    write_whole(folder / "table.csv", table.csv())
    report = Report("Why three? Routing with 1 to 10 iterations")
    report.text(opening(results.settings, table))
    report.table(table.header(), table.rows())
    report.text(REPLACEMENTS)
    report.table(table.couplings_header(), table.couplings_rows())
    report.text(MEASURES)
    curves = iteration_curves(table.panels(), title=finding(table))
    report.picture(
        save_figure(curves, figures / "iterations.png").read_bytes(),
        "A line for every number of iterations in training, ringed where the test has as many; "
        "bands are one standard deviation over seeds.",
    )
    report.heading("What follows")
    for sentence in verdict(table):
        report.text(sentence)
    report.heading("Tested with other numbers of iterations")
    report.text("Percent right, by the number of iterations in the test.")
    report.table(table.tests_header(), table.tests_rows("accuracy"))
    report.text("Percent of the images whose class is another than with the network's own number.")
    report.table(table.tests_header(), table.tests_rows("changed"))
    report.heading("One image on its way")
    diagram = routing_diagram(results.image, results.example, results.classes)
    report.picture(
        save_figure(diagram, figures / "routing.png").read_bytes(),
        "The first test image, not chosen: where its strongest primary capsules look, and what "
        f"each sends to the class capsules. Trained with {table.usual}, seed 0.",
    )
    report.heading("What keeps lengths below one")
    report.picture(
        save_figure(squash_figure(), figures / "squash.png").read_bytes(),
        "In every iteration, squash makes a length between 0 and 1 of each parent's sum of votes; "
        "softmax makes couplings of agreements.",
    )
    path = finish(report, folder, results.costs, results.command)
    return Finding(table.header(), table.rows(), path)


def _as_json(results: IterationsResults) -> dict[str, Any]:
    return {
        **head_of_json("iterations", results.command, results.settings, results.costs),
        "trained_with": {
            str(r): [asdict(seed) for seed in seeds] for r, seeds in results.table.measures.items()
        },
    }
