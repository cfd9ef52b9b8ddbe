"""`torchcaps train`: a recipe becomes a run folder, or a run is continued."""

from dataclasses import fields
from pathlib import Path

from jsonargparse import Namespace

from torchcaps.training import Recipe, resume, train
from torchcaps.training.processes import join


def run(options: Namespace) -> None:
    if options.resume is not None:
        folder = resume(
            options.resume,
            epochs=options.resume_epochs,
            log=options.log,
            quiet=options.quiet,
            device=options.device,
        )
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
    if join().is_main_process:
        print(f"{folder}\ntest it with: torchcaps evaluate {folder}")
