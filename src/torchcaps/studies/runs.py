"""The training runs of a study, each finished once, whatever interrupts in between."""

from pathlib import Path
from statistics import median

from torchcaps.models import Model, load_model
from torchcaps.training import Recipe, resume, train
from torchcaps.training.run_folder import CHECKPOINT, read_metrics


def trained(recipe: Recipe, folder: Path, *, quiet: bool) -> Model:
    """The model that `recipe` ends with, trained in `folder`: taken up where an earlier attempt
    stopped, and not trained again where it had finished."""
    # The folder alone may be left by a crash before the first checkpoint was whole.
    if any((folder / CHECKPOINT).glob("*.safetensors")):
        resume(folder, quiet=quiet)
    else:
        train(recipe, folder, quiet=quiet, overwrite=folder.exists())
    return load_model(folder)


def seconds_per_epoch(folder: Path) -> float:
    """The median of a run's epochs."""
    return median(record["seconds"] for record in read_metrics(folder))
