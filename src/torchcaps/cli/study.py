"""`torchcaps study NAME`: a whole experiment, from data to report."""

from dataclasses import asdict, fields
from pathlib import Path

import yaml
from jsonargparse import Namespace
from rich.console import Console
from rich.table import Table

from torchcaps.cli.parser import add_config, make_parser, parse
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
    parser.add_argument("--out", type=str | None, help="Folder (default: runs/study-NAME-DATA).")
    parser.add_argument(
        "--resume", type=str | None, help="Continue the study in this folder; other options wait."
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="Replace a study that is in the way."
    )
    parser.add_argument("--quiet", action="store_true", help="No progress.")
    options = parse(parser, words[1:])
    folder = _folder(words[0], study, options)
    chosen = study.options(**yaml.safe_load((folder / CONFIG).read_text()))
    finding = study.run(chosen, folder, options.quiet)
    table = Table(*finding.header)
    for row in finding.rows:
        table.add_row(*row)
    Console().print(table)
    print(f"report: {finding.report}")


def _folder(name: str, study: Study, options: Namespace) -> Path:
    """The study's folder with the options in its config.yaml: an old one, or a new one."""
    if options.resume is not None:
        if not (Path(options.resume) / CONFIG).is_file():
            raise ValueError(
                f"study, --resume: expected a study's folder with {CONFIG}; got {options.resume}; "
                "start the study without --resume"
            )
        return Path(options.resume)
    chosen = study.options(**{field.name: options[field.name] for field in fields(study.options)})
    folder = Path(options.out or f"runs/study-{name}-{chosen.data}")
    create_run(folder, overwrite=options.overwrite)
    plain = {key: list(v) if isinstance(v, tuple) else v for key, v in asdict(chosen).items()}
    write_whole(folder / CONFIG, yaml.safe_dump(plain, sort_keys=False))
    return folder


def _list() -> None:
    print("usage: torchcaps study NAME [options]\n")
    for name in STUDIES:
        print(f"  {name:<12} {STUDIES[name].about}")
    print("\nEach study explains itself: torchcaps study NAME --help")
