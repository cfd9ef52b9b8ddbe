"""`torchcaps train`: a recipe becomes a run folder, or a run is continued."""

from dataclasses import fields
from pathlib import Path

from jsonargparse import Namespace

from torchcaps.figures.learning import learning_curve
from torchcaps.figures.style import save_figure
from torchcaps.training import Recipe, resume, train
from torchcaps.training.processes import join
from torchcaps.training.run_folder import BEST, CONFIG, LEARNING_CURVE, read_metrics


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
            out,
            overwrite=options.overwrite,
            log=options.log,
            quiet=options.quiet,
            device=options.device,
        )
    if join().is_main_process:
        _finish(folder)


def _finish(folder: Path) -> None:
    """Draw the run, and say where it is."""
    recipe = Recipe.load(folder / CONFIG)
    figure = learning_curve(read_metrics(folder), title=f"{recipe.model} on {recipe.data}")
    save_figure(figure, folder / LEARNING_CURVE)
    tested = folder if recipe.patience is None else folder / BEST
    print(f"{folder}\ntest it with: torchcaps evaluate {tested}")
