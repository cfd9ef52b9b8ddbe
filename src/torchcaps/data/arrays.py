"""Your own arrays: one .npz file of images, signals or volumes, in their splits."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from torchcaps.files import expanded
from torchcaps.options import check_choice
from torchcaps.quoting import cut, listed

from .arrays_layout import Channels, channels_first, values_of
from .dataset import ImageDataset, SignalDataset
from .fetch import ROOT
from .mask_arrays import mask_arrays
from .npz import Npz
from .registry import Root
from .splits import held_of_training, hold_out, stratified

_SPLIT_SEED = 0
_MOST_CLASSES = 100_000
_WHERE = "load_dataset 'arrays'"
_PARTS = {"train": "train", "validation": "val", "test": "test"}
_KINDS = {"images": "labels", "x": "y"}  # the names that MedMNIST has, and short ones
Asked = Literal["auto", "first", "last", "none"]


class _Part(NamedTuple):
    """Values [N,C,*size] and labels [N] or [N,J] of one part of the file."""

    values: Tensor
    labels: Tensor


def arrays(split: str, root: Root, *, channels: Asked = "auto") -> ImageDataset:
    """Images, signals or volumes in a .npz file, which `root` names.

    The file holds `train_images` and `train_labels`, and so on for val_ and test_, as the files of
    MedMNIST do; or `train_x` and `train_y` with, perhaps, `train_lengths`, how many positions each
    signal has; and perhaps `classes`, the names of the classes. Labels are whole numbers from 0,
    `[N]` or `[N, 1]`; or 0 and 1, `[N, J]`, which say which of J classes are in an image. Without
    val_ arrays 15 % of each class of the training ones (at least one, if it has two; of images
    with several classes 15 % of all) become validation. Seeded. No pickle is opened.

    With `train_masks` (and so on) in the place of labels, the class of each pixel, `[N,*size]`, it
    gives a `SegmentationDataset` of images or volumes; masks of 0 and 255 alone have two classes.

    channels: where the axis of channels is: "first" `[N,C,*size]`, "last" `[N,*size,C]`, or "none"
        `[N,*size]`. "auto" takes what leaves no doubt, and refuses what does. `[N,a,b]` are grey
        images if they are called images; else signals, whose positions are along the only axis
        that can hold the longest of `lengths`, or whose channels are along the only one of size 1.
        With more axes, that of channels is the only one of 1, 3 or 4 at either end; three equal
        ones are a volume without.

    One axis of positions, or three, give a `SignalDataset`, two an `ImageDataset`. Values of 8 bits
    are divided by 255 when a batch is taken. Images of other numbers must be in [0, 1]; signals and
    volumes may be any numbers, which become float32 and stay what they are: the models for signals
    standardise each channel by mean and deviation of the training data, and keep both.

    ValueError: no such file, or one with other arrays; shapes, types or values beyond the above.
    """
    check_choice(_WHERE, "channels", channels, ["auto", "first", "last", "none"])
    if root is None:
        raise ValueError(
            f"{_WHERE}, root: expected a .npz file; got none; name it: root in Python, --root on "
            "the command line"
        )
    path = expanded(root, ROOT)
    where = f"{_WHERE}, {path}"
    file = Npz(path, where)
    if "train_masks" in file.names:
        return mask_arrays(file, split, channels, where)
    kind = _kind(file, where)
    parts = [part for part, prefix in _PARTS.items() if f"{prefix}_{kind}" in file.names]
    classes = _classes(file, kind, parts, where)
    values, labels = _split(file, kind, parts, split, channels, where)
    make = ImageDataset if values.ndim == 4 else SignalDataset
    return make(values, labels, classes, name="arrays", split=split)


def _kind(file: Npz, where: str) -> str:
    """Whether arrays are called images or x."""
    kinds = [kind for kind in _KINDS if f"train_{kind}" in file.names]
    known = {f"{p}_{n}" for k in kinds for p in _PARTS.values() for n in (k, _KINDS[k], "lengths")}
    other = sorted({*file.names} - known - {"classes"})
    if len(kinds) != 1 or any(name.startswith(tuple(_PARTS.values())) for name in other):
        raise ValueError(
            f"{where}: expected train_images, train_labels and the same for val_ and test_, or "
            f"train_x, train_y and perhaps train_lengths; got {cut(', '.join(file.names))}; "
            "rename the arrays"
        )
    return kinds[0]


def _split(
    file: Npz, kind: str, parts: list[str], split: str, channels: Asked, where: str
) -> _Part:
    if split == "test" and "test" not in parts:
        raise ValueError(
            f"{where}, split: expected one that the file has ({', '.join(parts)}); got test; add "
            f"test_{kind} and test_{_KINDS[kind]}, or take another split"
        )
    if split == "test" or (split in parts and "validation" in parts):
        return _part(file, kind, split, channels, where)
    train = _part(file, kind, "train", channels, where)
    if "validation" not in parts:
        chosen = _cut(train.labels)[split]
        if not len(chosen):
            raise ValueError(
                f"{where}, train_{_KINDS[kind]}: expected at least 2 of a class, one of them for "
                "validation; got 1 of each; add some, or arrays val_"
            )
        return _Part(train.values[chosen], train.labels[chosen])
    held = _part(file, kind, "validation", channels, where)
    if held.values.shape[1:] != train.values.shape[1:]:
        raise ValueError(
            f"{where}, val_{kind}: expected the shape of train_{kind}, "
            f"{list(train.values.shape[1:])}; got {list(held.values.shape[1:])}; pad them alike"
        )
    return _Part(torch.cat([train.values, held.values]), torch.cat([train.labels, held.labels]))


def _cut(labels: Tensor) -> dict[str, Tensor]:
    """Indices of training and validation images, where the file has no validation images."""
    if labels.ndim == 1:
        return stratified(labels, held_of_training, _SPLIT_SEED)
    return hold_out(len(labels), held_of_training(len(labels))[0], _SPLIT_SEED)


def _part(file: Npz, kind: str, part: str, channels: Asked, where: str) -> _Part:
    prefix = _PARTS[part]
    named = f"{where}, {prefix}_{kind}"
    labels = _labels(file, f"{prefix}_{_KINDS[kind]}", where)
    lengths = _lengths(file, part, where)
    every = [_lengths(file, each, where) for each in _PARTS]
    longest = max((int(some.max()) for some in every if some is not None), default=None)
    taken = Channels(channels, kind == "images", longest)
    values = channels_first(file[f"{prefix}_{kind}"], taken, named)
    found = values_of(values, lengths, named)
    if len(found) != len(labels):
        raise ValueError(
            f"{named}: expected as many as labels, {len(labels)}; got {len(found)}; give each one"
        )
    return _Part(found, labels)


def _lengths(file: Npz, part: str, where: str) -> Tensor | None:
    name = f"{_PARTS[part]}_lengths"
    return _whole_numbers(file[name], f"{where}, {name}") if name in file.names else None


def _labels(file: Npz, name: str, where: str) -> Tensor:
    if name not in file.names:
        raise ValueError(f"{where}: expected {name}; got none; add the labels to the file")
    found = file[name]
    if found.ndim == 2 and found.shape[1] > 1:
        return _targets(found, f"{where}, {name}")
    labels = _whole_numbers(found, f"{where}, {name}")
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= _MOST_CLASSES:
        raise ValueError(
            f"{where}, {name}: expected labels from 0 to less than {_MOST_CLASSES:,}; got {low} to "
            f"{high}; number the classes from 0"
        )
    return labels


def _targets(found: np.ndarray, where: str) -> Tensor:
    """[N,J] of 0 and 1."""
    if found.dtype.kind not in "biu" or not len(found) or not np.isin(found, (0, 1)).all():
        raise ValueError(
            f"{where}: expected labels [N], or [N, {found.shape[1]}] of 0 and 1 as whole numbers, "
            f"which say what classes are in an image; got {found.dtype} with other values; write "
            "(labels > 0).astype('uint8')"
        )
    return torch.from_numpy(found.astype(np.int64))


def _whole_numbers(found: np.ndarray, where: str) -> Tensor:
    """[N], from [N] or [N,1]."""
    flat = found[:, 0] if found.ndim == 2 and found.shape[1] == 1 else found
    if flat.ndim != 1 or flat.dtype.kind not in "iu" or not len(flat):
        raise ValueError(
            f"{where}: expected a whole number for each, [N] or [N, 1]; got {found.dtype} of shape "
            f"{list(found.shape)}; give each one class, or a row of 0 and 1 for all classes"
        )
    return torch.from_numpy(flat.astype(np.int64))


def _classes(file: Npz, kind: str, parts: Iterable[str], where: str) -> tuple[str, ...]:
    """The names in the file, else a number for each class that any part has."""
    if "classes" in file.names:
        names = file["classes"]
        if names.ndim != 1 or names.dtype.kind not in "USiu":
            raise ValueError(
                f"{where}, classes: expected a list of names; got {names.dtype} of shape "
                f"{list(names.shape)}; write numpy.array(['cat', 'dog'])"
            )
        return tuple(n.decode(errors="replace") if isinstance(n, bytes) else str(n) for n in names)
    every = [_labels(file, f"{_PARTS[part]}_{_KINDS[kind]}", where) for part in parts]
    widths = {labels.shape[1:] for labels in every}
    if len(widths) > 1:
        raise ValueError(
            f"{where}, labels: expected the same classes in all parts; got rows of "
            f"{' and '.join(str(list(width)) for width in sorted(widths))}; give all parts alike"
        )
    if every[0].ndim == 2:
        return tuple(map(str, range(every[0].shape[1])))
    counts = torch.cat(every).bincount().tolist()
    if missing := [str(label) for label, count in enumerate(counts) if not count]:
        warnings.warn(
            f"{where}: no label is {listed(missing)}, of {len(counts):,} classes from 0 to "
            f"{len(counts) - 1:,}; number them from 0 without gaps, or name them all in classes",
            stacklevel=4,
        )
    return tuple(map(str, range(len(counts))))
