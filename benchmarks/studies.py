"""Keeps what studies measured and fills the texts that quote it:
`python benchmarks/studies.py runs/study-iterations-digits ...`.

Copies results.json, table.csv and the figures of each folder to benchmarks/results, and renews what
stands between `<!-- NAME: begin -->` and `<!-- NAME: end -->` in the gallery and in the README of
the results: the block NAME of studies.md.j2, whose numbers come from results.json.
"""

import argparse
import json
import re
from collections.abc import Iterable
from pathlib import Path
from shutil import copyfile
from statistics import mean
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from torchcaps.files import write_whole
from torchcaps.models.model import POSES
from torchcaps.studies.report import listed
from torchcaps.studies.results import Results

KEPT = Path("benchmarks/results")
TEXTS = (Path("docs/gallery.md"), KEPT / "README.md")
FOLDERS = {
    "detection": KEPT / "detection",
    "equivariance": KEPT / "equivariance-study",
    "faces": KEPT / "faces",
    "iterations": KEPT / "iterations",
    "routing": KEPT / "routing-study",
}
GALLERY = Path("docs/gallery")  # has the large picture of faces, for "Smaller files" there
MARKED = re.compile(r"(<!-- (\w+): begin -->\n).*?(\n<!-- \2: end -->)", re.DOTALL)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folders", nargs="+", type=Path, help="finished studies")
    for folder in parser.parse_args().folders:
        keep(folder)


def keep(folder: Path) -> None:
    text = (folder / "results.json").read_text()
    study = json.loads(text)["study"]
    kept = FOLDERS[study]
    kept.mkdir(exist_ok=True)
    for old in kept.iterdir():
        old.unlink()
    for name in ("results.json", "table.csv"):
        copyfile(folder / name, kept / name)
    for figure in (folder / "figures").iterdir():
        copyfile(figure, (GALLERY if study == "faces" else kept) / figure.name)
    for path in TEXTS:
        write_whole(path, filled(path.read_text(), study, words(text)))


def filled(text: str, study: str, known: dict[str, Any]) -> str:
    """The text with every marked part of this study anew."""
    template = templates().get_template("studies.md.j2")

    def block(part: re.Match[str]) -> str:
        if part[2].split("_")[0] != study:
            return part[0]
        context = template.new_context(known)
        return part[1] + "".join(template.blocks[part[2]](context)).strip() + part[3]

    return MARKED.sub(block, text)


def words(text: str) -> dict[str, Any]:
    """What the template knows of a results.json. A number that is not there is an error."""
    results = Results.from_json(text)

    def cell(model: str, metric: str, condition: object = "", digits: int = 1) -> str:
        found = results.cell(model, metric, condition, digits=digits)
        if found == "–":
            raise ValueError(
                f"results.json: expected {metric} of {model} in {condition!r}; got none"
            )
        return found

    def number(model: str, metric: str, condition: object = "", digits: int = 1) -> str:
        return cell(model, metric, condition, digits).partition(" ")[0]

    def each(
        names: Iterable[str], metric: str, condition: str = "", digits: int = 1, unit: str = ""
    ) -> str:
        """Of several models; READ in the condition is the layer that the scores are read from."""
        return listed(
            f"{cell(name, metric, condition.replace('READ', _read(results, name)), digits)}{unit} "
            f"(`{name}`)"
            for name in names
        )

    def average(model: str, metric: str, data: str) -> str:
        """Over the quantities of a dataset."""
        conditions = results.names("condition", model=model, metric=metric)
        return (
            f"{mean(results.mean(model, metric, c) for c in conditions if c.startswith(data)):.2f}"
        )

    def verdicts(ours: str, others: Iterable[str]) -> str:
        found: dict[str, list[str]] = {}
        for other in others:
            found.setdefault(results.difference(ours, other, "accuracy").verdict, []).append(other)
        words = {"ahead": "ahead of", "level": "level with", "behind": "behind"}
        return listed(f"{words[verdict]} {listed(names)}" for verdict, names in found.items())

    helpers = {"cell": cell, "number": number, "each": each, "average": average}
    return {**json.loads(text), "results": results, "verdicts": verdicts, **helpers}


def _read(results: Results, model: str) -> str:
    layers = [
        c.rpartition(": ")[0] for c in results.names("condition", model=model, metric="error")
    ]
    return POSES if POSES in layers else ["", *layers][-1]


def templates() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["listed"] = listed
    return environment


if __name__ == "__main__":
    main()
