"""Beginning a run, and going on with one."""

from pathlib import Path

from torchcaps.files import expanded
from torchcaps.training import run_folder
from torchcaps.training.belongings import sweep
from torchcaps.training.loop import _Loop
from torchcaps.training.materials import Materials
from torchcaps.training.recipe import Recipe
from torchcaps.training.taking import taken


def train(
    recipe: Recipe,
    folder: str | Path,
    *,
    overwrite: bool = False,
    log: str | None = None,
    quiet: bool = False,
    device: str = "auto",
) -> Path:
    """Train what `recipe` says and leave the run in `folder`, which is returned.

    device: see `training_device`.
    log: a tracker that accelerate knows, such as "tensorboard", beside metrics.jsonl.

    Raises a `ValueError` for bad input or a folder in use, `Diverged` for NaN or infinite losses
    and weights, `Interrupted` after Ctrl-C, SIGTERM or SIGHUP, with the state saved. Under torchrun
    all processes train one model; where one of them ends, the others raise a `ConnectionError`.
    """
    loop = _Loop(Materials.of(recipe), expanded(folder, "train, out"), log, quiet, device)
    begin(loop, overwrite=overwrite)
    return loop.folder


def resume(
    folder: str | Path,
    *,
    epochs: int | None = None,
    log: str | None = None,
    quiet: bool = False,
    device: str = "auto",
) -> Path:
    """Continue the run in `folder` to the weights it would have had without the interruption.

    epochs: train on to this many, where the schedule's past does not depend on the end.

    Raises what `train` raises, and a `ValueError` for what is damaged or no run.
    """
    folder = expanded(folder, "resume, folder")
    recipe = Recipe.load(folder / run_folder.CONFIG)
    if epochs is not None:
        recipe = recipe.extended(epochs)
    go_on(_Loop(Materials.of(recipe), folder, log, quiet, device))
    return folder


def begin(loop: _Loop, *, overwrite: bool) -> None:
    """Train from the start, in a folder that is new, or an old run where `overwrite`."""

    def prepare() -> None:
        run_folder.clear(loop.folder, overwrite=overwrite)
        loop.recipe.save(loop.folder / run_folder.CONFIG)

    with taken(loop.folder, loop.remedy, prepare) as loop.stop:
        loop.begin()
        loop.run()


def go_on(loop: _Loop) -> None:
    """Train on from the last checkpoint in the folder."""
    with taken(loop.folder, loop.remedy, lambda: sweep(loop.folder)) as loop.stop:
        loop.go_on()
        loop.run()
