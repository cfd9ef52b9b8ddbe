"""Your own pictures: a folder with one folder of raster files for each class, or with masks."""

from __future__ import annotations

from pathlib import Path

import torch

from torchcaps.files import expanded
from torchcaps.options import check_several

from .dataset import ImageDataset
from .fetch import ROOT
from .folder_files import Labelled, class_names, list_pictures, split_folders
from .images import Fit
from .mask_folder import has_masks, mask_folder
from .picture_files import PictureFiles
from .registry import Root
from .splits import held_of_training, stratified

_SPLIT_SEED = 0
_WHERE = "load_dataset 'folder'"
_LARGEST = 4096


def folder(
    split: str,
    root: Root,
    *,
    size: int | tuple[int, int] = 32,
    channels: int = 3,
    fit: Fit = "pad",
) -> ImageDataset:
    """Pictures in `root`/CLASS/, or in `root`/train/CLASS/ and `root`/test/CLASS/.

    size: height and width, or one number for both; at most 4096.
    channels: 1 for grey, 3 for RGB.
    fit: "pad" keeps the aspect and fills up with the colour of the border, "crop" cuts the ends
        off, "stretch" distorts.

    Read are PNG, JPEG, BMP, GIF, TIFF, WebP, PGM, PPM and AVIF files, at any depth below the folder
    of their class; other files are left out with a warning that counts them.

    Where the root's folders are only train/, val/ (or validation/) and test/, they are splits, not
    classes; without val/, 15 % of each class of the training pictures (at least one, if it has two)
    become validation. Else every class is cut 70 / 15 / 15 into train, validation and test. Seeded.

    A split of at most 1 GB of pixels is held in memory. A larger one is read batch by batch, which
    a warning says: see `PictureFiles`.

    A root, or folders of splits, with images/ and masks/ give a `SegmentationDataset`: a mask has
    the name and the size of its image, and is an indexed or grey picture of 8 bits whose numbers
    are the classes, or 0 and 255 for two. Their names are the lines of `root`/classes.txt, or
    numbers. It is resized with its image, each pixel taking the nearest number.
    """
    base = expanded(root, ROOT) if root is not None else None
    if base is None or not base.is_dir():
        got = "none" if base is None else f"{base}, which is no folder"
        raise ValueError(
            f"{_WHERE}, root: expected a folder with one folder for each class; "
            f"got {got}; name it: root in Python, --root on the command line"
        )
    height, width = _size(size)
    if channels not in (1, 3):
        raise ValueError(
            f"{_WHERE}, channels: expected 1 (grey) or 3 (RGB); got {channels}; leave it out for 3"
        )
    parts = split_folders(base)
    if has_masks(parts.get("train", base)):
        return mask_folder(base, parts, split, (channels, height, width), fit)
    classes = class_names(base, parts)
    files, labels = _divided(parts, classes, split) if parts else _cut(base, classes, split)
    shape = channels, height, width
    return PictureFiles(files, shape, fit, labels, classes, name="folder", split=split).loaded()


def _size(size: object) -> tuple[int, int]:
    pair = [size, size] if isinstance(size, int) else size
    check_several(_WHERE, "size", pair, 2)
    assert isinstance(pair, list | tuple)
    height, width = pair
    if max(height, width) > _LARGEST:
        raise ValueError(
            f"{_WHERE}, size: expected at most {_LARGEST} pixels a side; got {height} x {width}; "
            "models take far smaller pictures"
        )
    return height, width


def _cut(base: Path, classes: list[str], split: str) -> Labelled:
    """This split's share of the class folders in `base`."""
    files, labels = list_pictures(base, classes)
    for label, count in enumerate(labels.bincount(minlength=len(classes)).tolist()):
        if count < 3:
            raise ValueError(
                f"{_WHERE}, {base / classes[label]}: expected at least 3 pictures, "
                f"one for each split; got {count}; add pictures, or make train/ and test/ folders"
            )
    return _pick(files, labels, stratified(labels, _fifteen_percent_each, _SPLIT_SEED)[split])


def _fifteen_percent_each(count: int) -> tuple[int, int]:
    held = max(1, round(0.15 * count))
    return held, held


def _divided(parts: dict[str, Path], classes: list[str], split: str) -> Labelled:
    """The files of a root that is divided already; what has no folder comes only of train/."""
    if split in parts and (split != "train" or "validation" in parts):
        return list_pictures(parts[split], classes)
    if split == "test" or "train" not in parts:
        raise ValueError(
            f"{_WHERE}, split: expected one that the root has a folder for "
            f"({', '.join(sorted(parts))}); got {split}; make its folder, or take another split"
        )
    files, labels = list_pictures(parts["train"], classes)
    if "validation" in parts:  # and both are wanted
        held_files, held_labels = list_pictures(parts["validation"], classes)
        return files + held_files, torch.cat([labels, held_labels])
    cut = stratified(labels, held_of_training, _SPLIT_SEED)
    if not len(cut["validation"]):
        raise ValueError(
            f"{_WHERE}, {parts['train']}: expected at least 2 pictures of a class, one of them for "
            "validation; got 1 of each; add pictures, or make a val/ folder"
        )
    return _pick(files, labels, cut[split])


def _pick(files: list[Path], labels: torch.Tensor, chosen: torch.Tensor) -> Labelled:
    return [files[index] for index in chosen.tolist()], labels[chosen]
