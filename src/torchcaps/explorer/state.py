"""What the server holds: its workspaces and the training of new ones."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

import torchcaps
from torchcaps.explorer.refusal import Refused
from torchcaps.explorer.run_discovery import RUNS, find_runs
from torchcaps.explorer.trainer import RECIPES, Trainer
from torchcaps.explorer.workspaces import CPU, Workspace, load_workspace
from torchcaps.training import Recipe


class Explorer:
    """Shared by all requests. A workspace is replaced whole when its models were trained."""

    def __init__(
        self, workspaces: dict[str, Workspace], root: Path = RUNS, device: torch.device = CPU
    ) -> None:
        self.workspaces, self.device = workspaces, device
        self.trainer = Trainer(self._take, root)

    def as_json(self) -> dict[str, Any]:
        return {
            "version": torchcaps.__version__,
            "sets": [workspace.as_json() for workspace in self.workspaces.values()],
            "training": self.trainer.as_json(),
        }

    def train(self, id: str) -> dict[str, Any]:
        """Begin to train the models of a workspace that has none."""
        if self.workspaces[id].models:
            raise Refused(
                f"train: expected a workspace without models; {id} has some; train others with: "
                "torchcaps train",
                409,
            )
        self.trainer.start(id)
        return self.trainer.as_json()

    def close(self) -> None:
        self.trainer.close()

    def _take(self, id: str, folders: list[Path]) -> None:
        recipe = self.workspaces[id].recipe
        self.workspaces[id] = load_workspace(id, folders, recipe, self.device)


def open_explorer(runs: Sequence[str], device: torch.device = CPU) -> Explorer:
    """The workspaces of these runs and studies (see `find_runs`), their models on `device`; one
    whose models can be trained here shows their data until then."""
    workspaces = {
        id: load_workspace(id, folders, RECIPES[id][0] if id in RECIPES else Recipe(), device)
        for id, folders in find_runs(runs).items()
        if folders or id in RECIPES
    }
    return Explorer(workspaces, device=device)
