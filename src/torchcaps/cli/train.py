"""`torchcaps train`: a recipe becomes a run folder, or a run is continued."""

from dataclasses import fields
from importlib.util import find_spec
from pathlib import Path

from accelerate import PartialState
from jsonargparse import Namespace

from torchcaps.training import Recipe, resume, train


def run(options: Namespace) -> None:
    if options.log == "tensorboard" and find_spec("tensorboard") is None:
        raise ValueError(
            "--log: expected an installed tracker; tensorboard is not; "
            "run: pip install 'torchcaps[log]'"
        )
    if options.resume is not None:
        folder = resume(options.resume, log=options.log, quiet=options.quiet, device=options.device)
    else:
        recipe = Recipe(**{field.name: options[field.name] for field in fields(Recipe)})
        out = options.out or f"runs/{recipe.model}-{recipe.data}-{recipe.seed}"
        folder = train(
            recipe,
            Path(out),
            overwrite=options.overwrite,
            log=options.log,
            quiet=options.quiet,
            device=options.device,
        )
    if PartialState().is_main_process:
        print(f"{folder}\ntest it with: torchcaps evaluate {folder}")
