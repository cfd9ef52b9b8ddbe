"""What the server holds: its sets and the training of new ones."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

import torchcaps
from torchcaps.explorer.refusal import Refused
from torchcaps.explorer.run_discovery import RUNS, find_runs
from torchcaps.explorer.trainer import RECIPES, Trainer
from torchcaps.explorer.workspaces import CPU, Workspace, load_workspace


class Explorer:
    """Shared by all requests. A set is replaced whole when its models were trained."""

    def __init__(
        self, sets: dict[str, Workspace], root: Path = RUNS, device: torch.device = CPU
    ) -> None:
        self.sets, self.device = sets, device
        self.trainer = Trainer(self._take, root)

    def as_json(self) -> dict[str, Any]:
        return {
            "version": torchcaps.__version__,
            "sets": [models.as_json() for models in self.sets.values()],
            "training": self.trainer.as_json(),
        }

    def train(self, id: str) -> dict[str, Any]:
        """Begin to train the models of a set that has none."""
        if self.sets[id].models:
            raise Refused(
                f"train: expected a set without models; {id} has some; train others with: "
                "torchcaps train",
                409,
            )
        self.trainer.start(id)
        return self.trainer.as_json()

    def close(self) -> None:
        self.trainer.close()

    def _take(self, id: str, folders: list[Path]) -> None:
        self.sets[id] = load_workspace(id, folders, self.sets[id].recipe, self.device)


def open_explorer(runs: Sequence[str], device: torch.device = CPU) -> Explorer:
    """The sets of these runs and studies (see `find_runs`), their models on `device`; a set without
    models shows the data that they would be trained on."""
    found = find_runs(runs)
    sets = {id: load_workspace(id, found[id], RECIPES[id][0], device) for id in found}
    return Explorer(sets, device=device)
