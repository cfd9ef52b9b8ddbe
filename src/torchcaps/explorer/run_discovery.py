"""Which runs are looked at: those that were named, else the newest that are finished."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from torchcaps.explorer.workspaces import SETS, workspace_of
from torchcaps.models import list_models
from torchcaps.models.saving import WEIGHTS
from torchcaps.training import Recipe
from torchcaps.training.run_folder import CONFIG, read_metrics

RUNS = Path("runs")


class _Run(NamedTuple):
    folder: Path
    recipe: Recipe
    written: float


def find_runs(named: Sequence[str], root: Path = RUNS) -> dict[str, list[Path]]:
    """The run folders of each set.

    named: run folders, and study folders, of whose models the lowest seed is taken. A set that
        none of them belongs to has the newest finished run below `root`, and beside it the newest
        of every other model that was trained on the same data.

    Raises a `ValueError` for a name that is neither.
    """
    found: dict[str, list[Path]] = {id: [] for id in SETS}
    for name in named:
        for folder in _runs_in(Path(name)):
            runs = found[workspace_of(Recipe.load(folder / CONFIG))]
            if folder not in runs:
                runs.append(folder)
    below = [] if all(found.values()) else _finished(root)
    for id in SETS:
        found[id] = found[id] or _newest([run for run in below if workspace_of(run.recipe) == id])
    return found


def _runs_in(folder: Path) -> list[Path]:
    """The folder itself if it is a run; of a study, the lowest seed of each of its models."""
    if _is_run(folder):
        return [folder]
    seeds: dict[str, tuple[int, Path]] = {}
    for path in sorted((folder / "models").glob("*")):
        name = re.fullmatch(r"(.+)-(\d+)", path.name)
        if name and _is_run(path):
            seed = (int(name[2]), path)
            seeds[name[1]] = min(seed, seeds.get(name[1], seed))
    if not seeds:
        got = "a folder without them" if folder.is_dir() else "nothing there"
        raise ValueError(
            f"explore, {folder}: expected a run with {CONFIG} and {WEIGHTS}, or a study with runs "
            f"in models/; got {got}; train one with: torchcaps train"
        )
    return [path for _, path in seeds.values()]


def _is_run(folder: Path) -> bool:
    return (folder / CONFIG).is_file() and (folder / WEIGHTS).is_file()


def _finished(root: Path) -> list[_Run]:
    """All runs below `root` that trained to their last epoch, the newest first."""
    runs = []
    for folder in sorted(path.parent for path in root.rglob(CONFIG)):
        if not _is_run(folder):
            continue
        try:
            recipe = Recipe.load(folder / CONFIG)
        except ValueError:
            continue  # nobody named it
        if len(read_metrics(folder)) >= recipe.epochs:
            runs.append(_Run(folder, recipe, (folder / WEIGHTS).stat().st_mtime))
    return sorted(runs, key=lambda run: -run.written)


def _newest(runs: list[_Run]) -> list[Path]:
    """The first run of each model on the data of the first, in the catalogue's order."""
    if not runs:
        return []
    data = _data(runs[0].recipe)
    by_model = {run.recipe.model: run.folder for run in reversed(runs) if _data(run.recipe) == data}
    return [by_model[name] for name in list_models() if name in by_model]


def _data(recipe: Recipe) -> tuple[object, ...]:
    return recipe.data, recipe.root, recipe.data_options
