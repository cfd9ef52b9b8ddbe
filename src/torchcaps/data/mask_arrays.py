"""Your own arrays with masks: images or volumes, and the class of every pixel."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from torchcaps.quoting import cut

from .arrays_layout import Channels, channels_first, values_of
from .masks import WHITE, class_names, is_white
from .npz import Npz
from .segmentation import SegmentationDataset
from .splits import hold_out

_PARTS = {"train": "train", "validation": "val", "test": "test"}
_SPLIT_SEED = 0


def mask_arrays(file: Npz, split: str, channels: str, where: str) -> SegmentationDataset:
    """A split of the arrays train_images and train_masks, and so on for val_ and test_; of volumes
    they may be called train_x. Without val_ arrays 15 % of the training ones become validation."""
    kind = "x" if "train_x" in file.names else "images"
    known = {f"{prefix}_{name}" for prefix in _PARTS.values() for name in (kind, "masks")}
    if not {f"train_{kind}"} <= {*file.names} <= known | {"classes"}:
        raise ValueError(
            f"{where}: expected train_images (or train_x), train_masks, the same for val_ and "
            f"test_, and perhaps classes; got {cut(', '.join(file.names))}; rename the arrays"
        )
    parts = [part for part, prefix in _PARTS.items() if f"{prefix}_{kind}" in file.names]
    every = {part: _numbers(file, f"{_PARTS[part]}_masks", where) for part in parts}
    used = {int(n) for masks in every.values() for n in np.unique(masks)}
    names = [str(name) for name in file["classes"]] if "classes" in file.names else None
    classes = class_names(used, names, f"{where}, train_masks")
    wanted = {"train+validation": ["train", "validation"]}.get(split, [split])
    held_out = "validation" not in parts and split != "test"
    chosen = ["train"] if held_out else [part for part in wanted if part in parts]
    if not chosen:
        raise ValueError(
            f"{where}, split: expected one that the file has ({', '.join(parts)}); got {split}; "
            f"add {split}_{kind} and {split}_masks, or take another split"
        )
    images = torch.cat([_values(file, f"{_PARTS[p]}_{kind}", channels, where) for p in chosen])
    masks = torch.cat([torch.from_numpy(every[part].astype(np.int64)) for part in chosen])
    if is_white(used):
        masks = (masks == WHITE).long()
    if held_out and split != "train+validation":
        if len(masks) < 2:
            raise ValueError(
                f"{where}, train_masks: expected at least 2, one of them for validation; got 1; "
                "add some, or arrays val_"
            )
        chosen = hold_out(len(masks), max(1, round(0.15 * len(masks))), _SPLIT_SEED)[split]
        images, masks = images[chosen], masks[chosen]
    return SegmentationDataset(images, masks, classes, name="arrays", split=split)


def _values(file: Npz, name: str, channels: str, where: str) -> Tensor:
    named = f"{where}, {name}"
    return values_of(channels_first(file[name], Channels(channels, True), named), None, named)


def _numbers(file: Npz, name: str, where: str) -> np.ndarray:
    """Whole numbers [N,*size]."""
    if name not in file.names:
        raise ValueError(f"{where}: expected {name}; got none; add the masks to the file")
    found = file[name]
    if found.dtype.kind not in "biu" or found.ndim not in (3, 4) or not found.size:
        raise ValueError(
            f"{where}, {name}: expected a whole number for each pixel, [N,*size]; got "
            f"{found.dtype} of shape {list(found.shape)}; give class numbers, without channels"
        )
    return found
