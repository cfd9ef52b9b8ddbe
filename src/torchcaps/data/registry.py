"""A dataset by its name."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from os import PathLike
from typing import Any

from torchcaps.options import check_types
from torchcaps.registry import Registry

from .catalogue import DATASETS
from .dataset import ImageDataset
from .splits import SPLITS

Root = str | PathLike[str] | None


def load_dataset(
    name: str, split: str = "train", root: Root = None, **options: Any
) -> ImageDataset:
    """Load one split of a dataset.

    name: one of `list_datasets()`.
    split: "train", "validation", "test" or "train+validation" (the whole original training set).
        Validation is cut from the training images: seeded, disjoint, the same on every call.
    root: the folder of the data files; else the environment's TORCHCAPS_DATA, else the user's
        cache folder. "digits" needs none; "folder" takes its images from here.
    options: the dataset's own, such as `size` and `channels` of "folder".

    ValueError: an unknown name, split or option, or files that cannot be read.
    FileNotFoundError: the files are missing and could not be fetched; it says where to put them.

    >>> load_dataset("digits", split="test")
    ImageDataset('digits', split='test', 360 images of (1, 8, 8), 10 classes)
    """
    loader = DATASETS[name]
    _require(f"split of dataset {name!r}", split, SPLITS)
    parameters = inspect.signature(loader).parameters.values()
    known = [each.name for each in parameters if each.kind is inspect.Parameter.KEYWORD_ONLY]
    for option in options:
        _require(f"option of dataset {name!r}", option, known or ["(it has none)"])
    check_types(f"load_dataset {name!r}", loader, options)
    return loader(split, root, **options)


def _require(kind: str, name: str, known: Iterable[str]) -> None:
    """Refuse a name that is not known, in the words of every other registry."""
    names: Registry[None] = Registry(kind)
    for each in known:
        names.add(each)(None)
    names[name]
