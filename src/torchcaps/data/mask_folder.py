"""Your own pictures with masks: a folder of images and one of masks, whose names are equal."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import torch

from torchcaps.quoting import listed

from .decoding import SUFFIXES, decode, raster_formats
from .images import Fit, resized
from .masks import WHITE, class_names, is_white, numbers_used, read_mask, resized_mask
from .segmentation import SegmentationDataset
from .splits import hold_out, stratified

_WHERE = "load_dataset 'folder'"
_SPLIT_SEED = 0
_NAMES = "classes.txt"
IMAGES, MASKS = "images", "masks"
Pairs = list[tuple[Path, Path]]


def has_masks(folder: Path) -> bool:
    """Whether a folder is one of images and masks, and not of classes."""
    return (folder / IMAGES).is_dir() and (folder / MASKS).is_dir()


def mask_folder(
    base: Path, parts: dict[str, Path], split: str, in_shape: tuple[int, int, int], fit: Fit
) -> SegmentationDataset:
    """A split of the pairs in `base`/images and `base`/masks, or in those of `parts`, the folders
    of the splits. The names of the classes are the lines of `base`/classes.txt, or numbers."""
    training = _pairs(parts.get("train", base) if parts else base)
    chosen = _chosen(base, parts, split, training)
    known = numbers_used([read_mask(mask, f"{_WHERE}, {mask}") for _, mask in training])
    names = _named(base)
    where = f"{_WHERE}, {training[0][1].parent}"
    classes = class_names(known, names, where)
    images, masks = [], []
    for image, mask in chosen:
        picture, numbers = decode(image, f"{_WHERE}, {image}"), read_mask(mask, f"{_WHERE}, {mask}")
        if picture.size != numbers.shape[::-1]:
            raise ValueError(
                f"{_WHERE}, {mask}: expected the size of its image, {picture.width} x "
                f"{picture.height}; got {numbers.shape[1]} x {numbers.shape[0]}; make both alike"
            )
        if is_white(known):
            numbers = np.where(numbers == WHITE, 1, numbers).astype(np.uint8)
        if numbers.max() >= len(classes):
            raise ValueError(
                f"{_WHERE}, {mask}: expected the class numbers of the training masks, 0 to "
                f"{len(classes) - 1}; got {numbers.max()}; name all classes in {base / _NAMES}, or "
                "correct the mask"
            )
        images.append(resized(picture, in_shape, fit))
        masks.append(resized_mask(numbers, in_shape[1:], fit))
    return SegmentationDataset(
        torch.stack(images), torch.stack(masks), classes, name="folder", split=split
    )


def _chosen(base: Path, parts: dict[str, Path], split: str, training: Pairs) -> Pairs:
    """The pairs of a split: cut as pictures of classes are, 70 / 15 / 15, or 15 % of train/ for
    validation where there is no val/."""
    if not parts:
        if len(training) < 3:
            raise ValueError(
                f"{_WHERE}, {base}: expected at least 3 pairs, one for each split; got "
                f"{len(training)}; add pairs, or make train/ and test/ folders"
            )
        held = max(1, round(0.15 * len(training)))
        cut = stratified(torch.zeros(len(training)).long(), lambda _: (held, held), _SPLIT_SEED)
        return [training[index] for index in cut[split].tolist()]
    if split in parts and (split != "train" or "validation" in parts):
        return _pairs(parts[split])
    if split == "test" or "train" not in parts:
        raise ValueError(
            f"{_WHERE}, split: expected one that the root has a folder for "
            f"({', '.join(sorted(parts))}); got {split}; make its folder, or take another split"
        )
    if "validation" in parts:  # and both are wanted
        return training + _pairs(parts["validation"])
    if len(training) < 2:
        raise ValueError(
            f"{_WHERE}, {parts['train']}: expected at least 2 pairs, one of them for validation; "
            "got 1; add pairs, or make a val/ folder"
        )
    cut = hold_out(len(training), max(1, round(0.15 * len(training))), _SPLIT_SEED)
    return [training[index] for index in cut[split].tolist()]


def _pairs(folder: Path) -> Pairs:
    """Images and their masks, sorted by name; a ValueError for one without the other."""
    if not has_masks(folder):
        raise ValueError(
            f"{_WHERE}, {folder}: expected the folders {IMAGES} and {MASKS}, as the others of this "
            "root have them; got others; move the pairs there"
        )
    images, masks = (_by_stem(folder / name) for name in (IMAGES, MASKS))
    for one, other, missing in ((images, masks, "mask"), (masks, images, "image")):
        if alone := sorted(set(one) - set(other)):
            raise ValueError(
                f"{_WHERE}, {folder}: expected an image and a mask of each name; got "
                f"{listed(alone)} without {missing}; add it, or take the other away"
            )
    if not images:
        raise ValueError(
            f"{_WHERE}, {folder / IMAGES}: expected pictures; got none; put them there, and a mask "
            f"of the same name into {MASKS}"
        )
    return [(images[stem], masks[stem]) for stem in sorted(images)]


def _by_stem(folder: Path) -> dict[str, Path]:
    """Picture files below `folder` by their path without suffix."""
    readable = tuple(suffix for name in raster_formats() for suffix in SUFFIXES[name])
    below = [file for file in sorted(folder.rglob("*")) if file.is_file()]
    files = [file for file in below if not _hidden(file.relative_to(folder))]
    left = [file.name for file in files if file.suffix.lower() not in readable]
    if left:
        warnings.warn(f"{_WHERE}, {folder}: left out {listed(left)}, no pictures", stacklevel=2)
    found: dict[str, Path] = {}
    for file in files:
        if file.suffix.lower() in readable:
            stem = str(file.relative_to(folder).with_suffix(""))
            if stem in found:
                raise ValueError(
                    f"{_WHERE}, {folder}: expected one picture of each name; got {file.name} and "
                    f"{found[stem].name}; rename one"
                )
            found[stem] = file
    return found


def _hidden(path: Path) -> bool:
    return any(part.startswith((".", "__MACOSX")) for part in path.parts)


def _named(base: Path) -> list[str] | None:
    path = base / _NAMES
    if not path.is_file():
        return None
    return [line.strip() for line in path.read_text().splitlines() if line.strip()]
