"""Trains the models of a workspace, one after another, beside the server."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Lock, Thread
from typing import Any, Literal

from torchcaps.explorer.refusal import Refused
from torchcaps.options import as_words
from torchcaps.training import Recipe
from torchcaps.training.run_folder import create_run, read_metrics

# Faces with the options of the study of them.
_FACES: dict[str, Any] = {
    "data": "faces", "train_images": 2000, "epochs": 10, "data_options": {"missing": 0.75}
}  # fmt: skip
RECIPES = {"faces": (Recipe(model="capsnet_small", **_FACES), Recipe(model="cnn", **_FACES))}
_SECONDS_TO_END = 5


@dataclass(frozen=True)
class _Place:
    """Where training stands."""

    state: Literal["idle", "running", "done", "failed"] = "idle"
    workspace: str | None = None
    recipe: Recipe | None = None
    folder: Path | None = None
    models_done: int = 0
    models: int = 0
    message: str = ""


class Trainer:
    """One training at a time. `finished(id, folders)` is called in a thread of its own once all
    models of the workspace `id` are trained in folders below `root`."""

    def __init__(self, finished: Callable[[str, list[Path]], None], root: Path) -> None:
        self._finished, self._root = finished, root
        self._lock = Lock()
        self._place = _Place()
        self._process: subprocess.Popen[str] | None = None
        self._closed = False

    def start(self, id: str) -> None:
        """Begin with the models of this workspace; refused while others are trained."""
        with self._lock:
            if self._place.state == "running":
                raise Refused("train: expected one training at a time; wait for this one", 409)
            self._place = _Place("running", id, models=len(RECIPES[id]), message="getting ready")
        Thread(target=self._train, args=(id,), daemon=True).start()

    def as_json(self) -> dict[str, Any]:
        """Progress, read from the run's metrics."""
        place = self._place
        records = read_metrics(place.folder) if place.folder else []
        return {
            "state": place.state,
            "set": place.workspace,
            "model": place.recipe.model if place.recipe else None,
            "epoch": len(records),
            "epochs": place.recipe.last_epoch if place.recipe else 0,
            "models_done": place.models_done,
            "models": place.models,
            "accuracy": records[-1]["accuracy"] if records else None,
            "message": place.message,
        }

    def close(self) -> None:
        """End what is being trained; nothing begins any more."""
        with self._lock:
            self._closed, process = True, self._process
        if process is not None:
            process.terminate()
            try:
                process.wait(_SECONDS_TO_END)
            except subprocess.TimeoutExpired:
                process.kill()

    def _train(self, id: str) -> None:
        recipes = RECIPES[id]
        folders = [self._root / f"explorer-{id}-{recipe.model}" for recipe in recipes]
        try:
            for done, (recipe, folder) in enumerate(zip(recipes, folders, strict=True)):
                create_run(folder, overwrite=True)  # of an earlier training
                message = f"training {recipe.model}, {done + 1} of {len(recipes)}"
                self._place = _Place("running", id, recipe, folder, done, len(recipes), message)
                self._train_one(recipe, folder)
            self._finished(id, folders)
        except Exception as error:  # nobody waits for this thread: the page must be told
            message = f"training failed: {error}"
            self._place = _Place("failed", id, models=len(recipes), message=message)
        else:
            count = len(recipes)
            self._place = _Place("done", id, None, None, count, count, "training finished")

    def _train_one(self, recipe: Recipe, folder: Path) -> None:
        """Raises a `RuntimeError` with the command's last words if it fails."""
        with self._lock:
            if self._closed:
                raise RuntimeError("the explorer was closed")
            self._process = subprocess.Popen(
                _command(recipe, folder),
                stdin=subprocess.PIPE,  # its end is the training's, should the server be killed
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                start_new_session=True,  # Ctrl-C is the server's, which ends this process then
            )
        with self._process as process:  # not `communicate`, which would close its input first
            assert process.stderr is not None
            said = process.stderr.read()
        if process.returncode:
            last = said.strip().rpartition("\n")[2].removeprefix("torchcaps: ")
            raise RuntimeError(last or f"{recipe.model} ended with {process.returncode}")


def _command(recipe: Recipe, folder: Path) -> list[str]:
    tethered = [sys.executable, "-m", "torchcaps.explorer.tethered"]
    return [*tethered, "train", "--quiet", "--out", str(folder), *as_words(recipe)]
