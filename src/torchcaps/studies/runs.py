"""The training runs of a study, each finished once, whatever interrupts in between."""

from dataclasses import asdict
from pathlib import Path
from statistics import median

from torchcaps.machine import resolve_device
from torchcaps.models import Model, load_model
from torchcaps.training import Recipe, resume, train
from torchcaps.training.run_folder import CHECKPOINT, read_metrics


def trained(recipe: Recipe, folder: Path, *, quiet: bool, device: str = "auto") -> Model:
    """The model that `recipe` ends with, trained in `folder`: taken up where an earlier attempt
    stopped, and not trained again where it had finished. A `ValueError` where that attempt was
    another recipe's; where the data lie may differ. It is trained and returned on `device`."""
    # The folder alone may be left by a crash before the first checkpoint was whole.
    if any((folder / CHECKPOINT).glob("*.safetensors")):
        _refuse_another(recipe, folder)
        resume(folder, quiet=quiet, device=device)
    else:
        train(recipe, folder, quiet=quiet, overwrite=folder.exists(), device=device)
    return load_model(folder).to(resolve_device(device))


def _refuse_another(recipe: Recipe, folder: Path) -> None:
    wanted, found = asdict(recipe), asdict(Recipe.load(folder / "config.yaml"))
    others = [name for name in wanted if name != "root" and wanted[name] != found[name]]
    if others:
        raise ValueError(
            f"{folder}: expected a run with {', '.join(f'{n} {wanted[n]!r}' for n in others)}; got "
            f"{', '.join(f'{n} {found[n]!r}' for n in others)}; remove it, or take another folder"
        )


def seconds_per_epoch(folder: Path) -> float:
    """The median of a run's epochs."""
    return median(record["seconds"] for record in read_metrics(folder))
