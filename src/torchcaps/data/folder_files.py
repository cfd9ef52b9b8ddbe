"""Which files of a folder are pictures of which class, and which are left out."""

from __future__ import annotations

import os
import warnings
from collections import Counter
from pathlib import Path

import torch
from torch import Tensor

from torchcaps.quoting import listed

from .decoding import SUFFIXES, raster_formats

_PARTS = {"train": "train", "val": "validation", "validation": "validation", "test": "test"}
_WHERE = "load_dataset 'folder'"

Labelled = tuple[list[Path], Tensor]


def split_folders(base: Path) -> dict[str, Path]:
    """The folder of each split, where the folders in `base` are splits and not classes."""
    folders = _subfolders(base)
    known = [name for name in folders if name.lower() in _PARTS]
    others = [name for name in folders if name not in known]
    parts = {_PARTS[name.lower()]: base / name for name in known}
    if others and not {"train", "test"} <= set(parts):
        if known and not any(_holds_files(base / name) for name in folders):
            warnings.warn(
                f"{_WHERE}, {base}: {listed(folders)} are taken for classes, although "
                f"{listed(known)} may be the name of a split; splits are train, val (or "
                "validation), test, and nothing beside them",
                stacklevel=3,
            )
        return {}
    if others or len(parts) < len(known):
        raise ValueError(
            f"{_WHERE}, {base}: expected only train, val (or validation), test beside each "
            f"other, each once; got {listed(folders)}; rename or move what is no split"
        )
    return parts


def class_names(base: Path, parts: dict[str, Path]) -> list[str]:
    """Of the training pictures; without them, of all that there are."""
    training = parts.get("train", base)
    known = [training] if "train" in parts or not parts else list(parts.values())
    classes = sorted({name for folder in known for name in _subfolders(folder)})
    if len(classes) < (1 if parts and "train" not in parts else 2):
        raise ValueError(
            f"{_WHERE}, {training}: expected at least two class folders; got "
            f"{listed(classes) or 'none'}; put the pictures of each class in a folder of its own"
        )
    return classes


def list_pictures(base: Path, classes: list[str]) -> Labelled:
    """The picture files of the class folders in `base`, sorted, and their labels."""
    unknown = [name for name in _subfolders(base) if name not in classes]
    if unknown:
        raise ValueError(
            f"{_WHERE}, {base}: expected the classes of train/ ({listed(classes)}); "
            f"got {listed(unknown)} too; rename it or add it to train/"
        )
    readable = tuple(suffix for name in raster_formats() for suffix in SUFFIXES[name])
    found: list[tuple[Path, int]] = []
    outside = (file for file in base.iterdir() if file.is_file() and not _hidden(file.name))
    others = Counter("file outside the class folders" for _ in outside)
    for label, name in enumerate(classes):
        for file in _below(base / name):
            if not file.is_file():
                linked = file.is_symlink()
                others["link to a folder or nothing" if linked else "special file"] += 1
            elif file.suffix.lower() in readable:
                found.append((file, label))
            else:
                others[f"{file.suffix.lower() or 'file without a suffix'}"] += 1
    if not found:
        raise ValueError(
            f"{_WHERE}, {base}: expected {', '.join(readable)} files in its class "
            f"folders; got none; put the pictures of each class there"
        )
    if others:
        left = listed(f"{count} {kind}" for kind, count in others.most_common())
        warnings.warn(
            f"{_WHERE}, {base}: left out {left}; read are {', '.join(readable)} files in class "
            "folders",
            stacklevel=2,
        )
    return [file for file, _ in found], torch.tensor([label for _, label in found])


def _below(folder: Path) -> list[Path]:
    """All that lies at any depth below and is no folder, sorted, without what is hidden. A folder
    that may not be read is an error, and a link to a folder is not followed, since it may
    lead round."""
    found = []
    for place, folders, files in os.walk(folder, onerror=_refuse):
        links = [name for name in folders if os.path.islink(os.path.join(place, name))]
        found += [Path(place, name) for name in (*files, *links) if not _hidden(name)]
        folders[:] = [name for name in folders if not _hidden(name)]
    return sorted(found)


def _refuse(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):  # a split need not have every class
        raise error


def _holds_files(folder: Path) -> bool:
    return any(each.is_file() and not _hidden(each.name) for each in folder.iterdir())


def _hidden(name: str) -> bool:
    return name.startswith((".", "__MACOSX"))


def _subfolders(base: Path) -> list[str]:
    return sorted(each.name for each in base.iterdir() if each.is_dir() and not _hidden(each.name))
