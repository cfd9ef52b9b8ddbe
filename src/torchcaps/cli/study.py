"""`torchcaps study NAME`: a whole experiment, from data to report."""

from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import yaml
from jsonargparse import Namespace
from rich.console import Console
from rich.table import Table

from torchcaps.cli.options import read
from torchcaps.files import expanded, write_whole
from torchcaps.interrupt import Interrupted, signal_of
from torchcaps.machine import resolve_device
from torchcaps.studies import STUDIES, Study
from torchcaps.training.run_folder import CONFIG, create_run


def run(options: Namespace) -> None:
    name, study = options.study, STUDIES[options.study]
    resolve_device(options.device)  # refused before a folder is made
    if options.resume is not None:
        folder = expanded(options.resume, "study, --resume")
        chosen = _choose(study, _read(name, folder))
        study.check(chosen)
    else:
        chosen = _choose(study, options)
        folder = expanded(options.out or _default_folder(name, chosen), "study, --out")
        study.check(chosen)
        create_run(folder, overwrite=options.overwrite, load=lambda path: _read(name, path.parent))
        _write(chosen, folder)
    try:
        finding = study.run(chosen, folder, options.quiet, options.device)
    except KeyboardInterrupt as stop:
        raise Interrupted(
            f"stopped; continue with: torchcaps study {name} --resume {folder}",
            signal_of(stop),
        ) from None
    table = Table(*finding.header)
    for row in finding.rows:
        table.add_row(*row)
    Console().print(table)
    print(f"report: {finding.report}")


def _default_folder(name: str, chosen: Any) -> str:
    """With the dataset's name, where a study lets a person choose one."""
    return "-".join(["runs/study", name, *([chosen.data] if hasattr(chosen, "data") else [])])


def _choose(study: Study, options: Namespace) -> Any:
    return study.options(**{field.name: options[field.name] for field in fields(study.options)})


def _write(chosen: Any, folder: Path) -> None:
    plain = {key: list(v) if isinstance(v, tuple) else v for key, v in asdict(chosen).items()}
    write_whole(folder / CONFIG, yaml.safe_dump(plain, sort_keys=False))


def _read(name: str, folder: Path) -> Namespace:
    """The options of the study in `folder`, checked like those of a command line."""
    try:
        return read("study", [name, "--config", str(folder / CONFIG)])
    except ValueError as error:
        raise ValueError(
            f"study, --resume: expected the folder of such a study with its {CONFIG}; got {folder} "
            f"({str(error).partition(';')[0]}); start the study without --resume"
        ) from None
