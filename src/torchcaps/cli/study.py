"""`torchcaps study NAME`: a whole experiment, from data to report."""

from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import yaml
from jsonargparse import ArgumentParser, Namespace
from rich.console import Console
from rich.table import Table

from torchcaps.cli.parser import add_config, make_parser, parse, refuse_beside_resume
from torchcaps.files import write_whole
from torchcaps.studies import STUDIES, Study
from torchcaps.training.run_folder import CONFIG, create_run


def run(words: list[str]) -> None:
    if not words or words[0] in ("-h", "--help", "--list"):
        _list()
        return
    study = STUDIES[words[0]]
    parser = make_parser(f"study {words[0]}", study.about)
    add_config(parser)
    parser.add_class_arguments(study.options, None)
    parser.add_argument("--out", type=str | None, help="Folder (default: runs/study-NAME[-DATA]).")
    parser.add_argument("--resume", type=str | None, help="Continue the study in this folder.")
    parser.add_argument(
        "--overwrite", action="store_true", help="Replace a study that is in the way."
    )
    parser.add_argument("--quiet", action="store_true", help="No progress.")
    options = parse(parser, words[1:])
    if options.resume is not None:
        refuse_beside_resume(words)
        folder = Path(options.resume)
        chosen = _choose(study, _read(parser, folder))
        study.check(chosen)
    else:
        chosen = _choose(study, options)
        folder = Path(options.out or _default_folder(words[0], chosen))
        study.check(chosen)
        create_run(folder, overwrite=options.overwrite)
        _write(chosen, folder)
    try:
        finding = study.run(chosen, folder, options.quiet)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            f"stopped; continue with: torchcaps study {words[0]} --resume {folder}"
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


def _read(parser: ArgumentParser, folder: Path) -> Namespace:
    """The options of the study in `folder`, checked like those of a command line."""
    try:
        return parse(parser, ["--config", str(folder / CONFIG)])
    except ValueError as error:
        raise ValueError(
            f"study, --resume: expected the folder of such a study with its {CONFIG}; got {folder} "
            f"({str(error).partition(';')[0]}); start the study without --resume"
        ) from None


def _list() -> None:
    print("usage: torchcaps study NAME [options]\n")
    for name in STUDIES:
        print(f"  {name:<12} {STUDIES[name].about}")
    print("\nEach study explains itself: torchcaps study NAME --help")
