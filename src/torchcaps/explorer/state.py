"""What the server holds: its sets and the training of new ones."""

from collections.abc import Sequence
from typing import Any

import torchcaps
from torchcaps.explorer.sets import ModelSet, load_set
from torchcaps.explorer.shelf import find_runs
from torchcaps.training import Recipe

# What is shown of a set without models.
UNTRAINED = {"digits": Recipe(data="digits"), "faces": Recipe(data="faces")}


class Explorer:
    """Shared by all requests. A set is replaced whole when its models were trained."""

    def __init__(self, sets: dict[str, ModelSet]) -> None:
        self.sets = sets

    def as_json(self) -> dict[str, Any]:
        return {
            "version": torchcaps.__version__,
            "sets": [models.as_json() for models in list(self.sets.values())],
            "training": self.training(),
        }

    def training(self) -> dict[str, Any]:
        return {
            "state": "idle", "set": None, "model": None, "epoch": 0, "epochs": 0,
            "models_done": 0, "models": 0, "accuracy": None, "message": "",
        }  # fmt: skip


def open_explorer(runs: Sequence[str]) -> Explorer:
    """The sets of these runs and studies; see `find_runs`."""
    found = find_runs(runs)
    return Explorer({id: load_set(id, found[id], UNTRAINED[id]) for id in found})
