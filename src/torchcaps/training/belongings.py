"""What in a folder torchcaps wrote, by name: nothing else is ever removed."""

import re
import stat
from fnmatch import fnmatchcase
from pathlib import Path

from torchcaps.models.saving import CONFIG as MODEL_CONFIG
from torchcaps.models.saving import WEIGHTS
from torchcaps.training.lock import LOCK, locked

CONFIG, METRICS, BEST, CHECKPOINT = "config.yaml", "metrics.jsonl", "best", "checkpoint"
STATE = f"{CHECKPOINT}/state.safetensors"
LEARNING_CURVE = "learning_curve.png"

_FILES = (
    *(CONFIG, METRICS, WEIGHTS, MODEL_CONFIG, STATE, LOCK, LEARNING_CURVE),
    *(f"{BEST}/{WEIGHTS}", f"{BEST}/{MODEL_CONFIG}", "torchcaps/events.out.tfevents.*"),
    *("results.json", "table.csv", "report.html", "figures/*.png", "figures/*.svg"),
)
_FOLDERS = {BEST, CHECKPOINT, "torchcaps", "figures"}
_RUN_OF_A_STUDY = re.compile(r"^((faces/)?models/[^/]+|faces)(/|$)")
_TEMPORARY = re.compile(r"\.(.+)\.\d+\.tmp")


def foreign(folder: Path) -> Path | None:
    """Something in `folder` that torchcaps did not write, or that is protected against writing."""
    for path in sorted(folder.rglob("*")):
        protected = path.is_symlink() or not path.stat().st_mode & stat.S_IWUSR
        if protected or not _is_ours(path, folder):
            return path
    return None


def holds_nothing(folder: Path, config: Path | None) -> bool:
    """Whether there is no file but `config`, locks and temporary ones, in folders of ours."""
    return all(
        path == config or (_is_ours(path, folder) and (path.is_dir() or _is_passing(path)))
        for path in folder.rglob("*")
    )


def sweep(folder: Path) -> None:
    """Remove the temporary files of processes that were killed; the caller holds the lock."""
    for path in folder.rglob(".*.tmp"):
        if _is_ours(path, folder):
            path.unlink()


def empty(folder: Path) -> None:
    """Remove everything; the caller holds the lock, and knows that nothing is foreign."""
    for lock in folder.rglob(f"*/{LOCK}"):
        with locked(lock.parent):
            pass
    # The checkpoint first and config.yaml last: what a crash leaves can be overwritten again,
    # and never resumed as something that it is not.
    (folder / STATE).unlink(missing_ok=True)
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir():
            path.rmdir()
        elif path not in (folder / LOCK, folder / CONFIG):
            path.unlink()
    (folder / CONFIG).unlink(missing_ok=True)


def _is_ours(path: Path, folder: Path) -> bool:
    name = path.relative_to(folder).as_posix()
    if path.is_dir():
        return name == "models" or _RUN_OF_A_STUDY.sub("", name, 1) in {"", "models", *_FOLDERS}
    temporary = _TEMPORARY.fullmatch(path.name)
    if temporary:
        name = path.with_name(temporary[1]).relative_to(folder).as_posix()
    name = _RUN_OF_A_STUDY.sub("", name, 1)
    return any(name.count("/") == f.count("/") and fnmatchcase(name, f) for f in _FILES)


def _is_passing(path: Path) -> bool:
    return path.name == LOCK or _TEMPORARY.fullmatch(path.name) is not None
