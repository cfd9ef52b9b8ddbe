"""Your own pictures: a folder with one folder of PNG or JPEG files for each class."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from .dataset import ImageDataset
from .images import read_pixels
from .registry import Root
from .splits import hold_out, stratified

_SUFFIXES = (".png", ".jpg", ".jpeg")
_SPLIT_SEED = 0
_PARTS = ("train", "validation", "test")

Labelled = tuple[list[Path], Tensor]


def folder(
    split: str, root: Root, *, size: int | tuple[int, int] = 32, channels: int = 3
) -> ImageDataset:
    """Pictures in `root`/CLASS/*.png, or in `root`/train/CLASS/ and `root`/test/CLASS/.

    size: height and width, or one number for both; pictures are stretched to it.
    channels: 1 for grey, 3 for RGB.

    Without train/ and test/ every class is cut 70 / 15 / 15 into train, validation and test;
    with them, but without validation/, 15 % of the training pictures become validation. Seeded.
    """
    base = Path(root).expanduser() if root is not None else None
    if base is None or not base.is_dir():
        got = "none" if base is None else f"{base}, which is no folder"
        raise ValueError(
            f"load_dataset 'folder', root: expected a folder with one folder for each class; "
            f"got {got}; name it: root in Python, --root on the command line"
        )
    divided = (base / "train").is_dir() and (base / "test").is_dir()
    classes = _subfolders(base / "train" if divided else base)
    if len(classes) < 2:
        raise ValueError(
            f"load_dataset 'folder', {base}: expected at least two class folders; got "
            f"{', '.join(classes) or 'none'}; put the pictures of each class in a folder of its own"
        )
    files, labels = (_divided if divided else _cut)(base, classes, split)
    height, width = (size, size) if isinstance(size, int) else size
    images = torch.stack([read_pixels(file, (channels, height, width)) for file in files])
    return ImageDataset(images, labels, classes, name="folder", split=split)


def _cut(base: Path, classes: list[str], split: str) -> Labelled:
    """This split's share of the class folders in `base`."""
    files, labels = _list(base, classes)
    for label, count in enumerate(labels.bincount(minlength=len(classes)).tolist()):
        if count < 3:
            raise ValueError(
                f"load_dataset 'folder', {base / classes[label]}: expected at least 3 pictures, "
                f"one for each split; got {count}; add pictures, or make train/ and test/ folders"
            )
    return _pick(files, labels, stratified(labels, _fifteen_percent_each, _SPLIT_SEED)[split])


def _fifteen_percent_each(count: int) -> tuple[int, int]:
    held = max(1, round(0.15 * count))
    return held, held


def _divided(base: Path, classes: list[str], split: str) -> Labelled:
    """The files of a root that has train/ and test/, and perhaps validation/."""
    others = sorted(set(_subfolders(base)) - set(_PARTS))
    if others:
        raise ValueError(
            f"load_dataset 'folder', {base}: expected only {', '.join(_PARTS)} beside each "
            f"other; got {', '.join(others)} too; rename or move it"
        )
    if split == "test":
        return _list(base / "test", classes)
    files, labels = _list(base / "train", classes)
    if (base / "validation").is_dir():
        held_files, held_labels = _list(base / "validation", classes)
        whole = files + held_files, torch.cat([labels, held_labels])
        return {"train": (files, labels), "validation": (held_files, held_labels)}.get(split, whole)
    held = max(1, round(0.15 * len(files)))
    return _pick(files, labels, hold_out(len(files), held, _SPLIT_SEED)[split])


def _list(base: Path, classes: list[str]) -> Labelled:
    """The picture files of the class folders in `base`, sorted, and their labels."""
    unknown = sorted(set(_subfolders(base)) - set(classes))
    if unknown:
        raise ValueError(
            f"load_dataset 'folder', {base}: expected the classes of train/ "
            f"({', '.join(classes)}); got {', '.join(unknown)} too; rename it or add it to train/"
        )
    found = [
        (file, label)
        for label, name in enumerate(classes)
        for file in sorted((base / name).glob("*"))
        if file.suffix.lower() in _SUFFIXES and not file.name.startswith(".")
    ]
    if not found:
        raise ValueError(
            f"load_dataset 'folder', {base}: expected {', '.join(_SUFFIXES)} files in its class "
            f"folders; got none; put the pictures of each class there"
        )
    return [file for file, _ in found], torch.tensor([label for _, label in found])


def _pick(files: list[Path], labels: Tensor, chosen: Tensor) -> Labelled:
    return [files[index] for index in chosen.tolist()], labels[chosen]


def _subfolders(base: Path) -> list[str]:
    return sorted(
        each.name for each in base.iterdir() if each.is_dir() and not each.name.startswith(".")
    )
