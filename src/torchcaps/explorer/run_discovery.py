"""Which networks are shown: those that were named, else the newest finished runs, else those that
come with the package."""

import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from torchcaps.data.mnist import mnist_on_disk
from torchcaps.explorer.workspaces import WORKSPACES, load_workspace, recipe_of, workspace_of
from torchcaps.models import list_models
from torchcaps.models.pretrained import list_pretrained, model_folder
from torchcaps.models.saving import WEIGHTS
from torchcaps.training import Recipe
from torchcaps.training.run_folder import CONFIG, read_metrics

RUNS = Path("runs")
# Side by side these show what the page is about; the others are shown when they are named.
FIRST = ("equivariant_capsnet", "capsnet_small", "cnn")


class _Run(NamedTuple):
    folder: Path
    recipe: Recipe
    written: float


def find_runs(named: Sequence[str], root: Path = RUNS) -> dict[str, list[Path]]:
    """The run folders, or names of networks that come with the package, of each workspace.

    named: run folders, such names, and study folders, of whose models the lowest seed is taken. A
        workspace that none of them belongs to has the newest finished run below `root`, and beside
        it the newest of every other model that was trained on the same data; without any, the
        networks that come with the package: those of MNIST where its test images are on disk, else
        those of the digits. What nobody named and cannot be shown is skipped with a warning.

    Raises a `ValueError` for a name that is none of these.
    """
    found: dict[str, list[Path]] = {id: [] for id in WORKSPACES}
    for name in named:
        for folder in _runs_in(Path(name)):
            runs = found[workspace_of(recipe_of(folder))]
            if folder not in runs:
                runs.append(folder)
    below = [] if all(found.values()) else _finished(root)
    for id in WORKSPACES:
        for runs in (below, _pretrained()):
            found[id] = found[id] or _newest(run for run in runs if workspace_of(run.recipe) == id)
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
            f"in models/, or one of {', '.join(list_pretrained())}; got {got}; train one with: "
            "torchcaps train"
        )
    return [path for _, path in seeds.values()]


def _is_run(folder: Path) -> bool:
    folder = model_folder(folder)
    return (folder / CONFIG).is_file() and (folder / WEIGHTS).is_file()


def _finished(root: Path) -> list[_Run]:
    """All runs below `root` that trained to their last epoch, the newest first."""
    runs = []
    for folder in sorted(path.parent for path in root.rglob(CONFIG)):
        if not _is_run(folder):
            continue
        accuracies = [record.get("accuracy") or 0.0 for record in read_metrics(folder)]
        best = 1 + accuracies.index(max(accuracies)) if accuracies else 0
        try:
            recipe = recipe_of(folder)
            over = recipe.is_over(len(accuracies), best)
        except ValueError as error:
            _skip(folder, error)
            continue
        if over:
            runs.append(_Run(folder, recipe, (folder / WEIGHTS).stat().st_mtime))
    return sorted(runs, key=lambda run: -run.written)


def _pretrained() -> list[_Run]:
    """The networks that come with the package, the data to prefer first."""
    data = ["mnist", "digits"] if mnist_on_disk("test") else ["digits"]
    names = [f"{model}.{each}" for each in data for model in FIRST]
    return [_Run(Path(name), recipe_of(Path(name)), 0.0) for name in names]


def _newest(runs: Iterable[_Run]) -> list[Path]:
    """The first run of each model on the data of the first, in the catalogue's order; what cannot
    be shown does not count."""
    chosen: dict[str, _Run] = {}
    for run in runs:
        first = next(iter(chosen.values()), run)
        wanted = run.recipe.model not in chosen and _data(run.recipe) == _data(first.recipe)
        if wanted and _can_be_shown(run):
            chosen[run.recipe.model] = run
    return [chosen[name].folder for name in list_models() if name in chosen]


def _can_be_shown(run: _Run) -> bool:
    try:
        load_workspace(workspace_of(run.recipe), [run.folder], run.recipe)
    except (ValueError, OSError) as error:
        _skip(run.folder, error)
        return False
    return True


def _skip(folder: Path, error: Exception) -> None:
    print(f"torchcaps: explore: {folder} is skipped ({error})", file=sys.stderr)


def _data(recipe: Recipe) -> tuple[object, ...]:
    return recipe.data, recipe.root, recipe.data_options
