"""A report is one HTML file: words from a template, numbers and pictures filled in, nothing
fetched from anywhere."""

from base64 import b64encode
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from matplotlib.figure import Figure

from torchcaps.figures.style import save_figure
from torchcaps.files import write_whole

_KINDS = {".png": "image/png", ".svg": "image/svg+xml"}


def write_report(
    study: str, folder: Path, figures: Mapping[str, Figure], words: Mapping[str, Any]
) -> Path:
    """Write `figures`, by file name, into `folder/figures`, and `folder/report.html` from the
    study's `report.html.j2` with `words`; templates show a figure by its file name."""
    pictures = {}
    for name, figure in figures.items():
        path = save_figure(figure, folder / "figures" / name)
        data = b64encode(path.read_bytes()).decode()
        pictures[name] = f"data:{_KINDS[path.suffix]};base64,{data}"
    html = _templates().get_template(f"{study}/report.html.j2").render(pictures=pictures, **words)
    return write_whole(folder / "report.html", html)


def listed(words: Iterable[object]) -> str:
    """a, b and c."""
    *before, last = map(str, words)
    return f"{', '.join(before)} and {last}" if before else last


def _templates() -> Environment:
    environment = Environment(
        loader=PackageLoader("torchcaps", "studies"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters["listed"] = listed
    return environment
