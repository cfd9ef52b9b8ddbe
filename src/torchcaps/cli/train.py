"""`torchcaps train`: a recipe becomes a run folder, or a run is continued."""

from dataclasses import fields
from importlib.util import find_spec
from pathlib import Path

from accelerate import PartialState

from torchcaps.cli.parser import add_config, make_parser, parse, refuse_beside_resume
from torchcaps.training import Recipe, resume, train


def run(words: list[str]) -> None:
    parser = make_parser("train", "train a model, or continue a run")
    add_config(parser)
    parser.add_class_arguments(Recipe, None)
    parser.add_argument(
        "--out", type=str | None, help="Run folder (default: runs/MODEL-DATA-SEED)."
    )
    parser.add_argument("--resume", type=str | None, help="Continue the run in this folder.")
    parser.add_argument(
        "--overwrite", action="store_true", help="Replace a run that is in the way."
    )
    parser.add_argument(
        "--log", type=str | None, help="Another log beside metrics.jsonl, such as tensorboard."
    )
    parser.add_argument("--quiet", action="store_true", help="No progress.")
    options = parse(parser, words)
    if options.log == "tensorboard" and find_spec("tensorboard") is None:
        raise ValueError(
            "--log: expected an installed tracker; tensorboard is not; "
            "run: pip install 'torchcaps[log]'"
        )
    if options.resume is not None:
        refuse_beside_resume(words, "--log")
        folder = resume(options.resume, log=options.log, quiet=options.quiet)
    else:
        recipe = Recipe(**{field.name: options[field.name] for field in fields(Recipe)})
        out = options.out or f"runs/{recipe.model}-{recipe.data}-{recipe.seed}"
        folder = train(
            recipe, Path(out), overwrite=options.overwrite, log=options.log, quiet=options.quiet
        )
    if PartialState().is_main_process:
        print(f"{folder}\ntest it with: torchcaps evaluate {folder}")
