"""Which files of a folder are pictures of which class, and which are left out."""

from __future__ import annotations

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
    others = Counter("file outside the class folders" for file in base.iterdir() if _counts(file))
    for label, name in enumerate(classes):
        for file in sorted((base / name).rglob("*")):
            if _counts(file, base) and file.suffix.lower() in readable:
                found.append((file, label))
            elif _counts(file, base):
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


def _counts(file: Path, base: Path | None = None) -> bool:
    """Whether this is a file, and no hidden one below `base`."""
    below = file.relative_to(base or file.parent).parts
    return file.is_file() and not any(part.startswith((".", "__MACOSX")) for part in below)


def _subfolders(base: Path) -> list[str]:
    return sorted(
        each.name
        for each in base.iterdir()
        if each.is_dir() and not each.name.startswith((".", "__MACOSX"))
    )
