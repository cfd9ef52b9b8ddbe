"""Labels of a dataset, numbered as the classes of a trained model."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from torchcaps.options import nearest
from torchcaps.quoting import listed, quote

from .dataset import ImageDataset

_REST = "rest"


def match_classes(
    dataset: ImageDataset, classes: Sequence[str], where: str, *, whole: bool = False
) -> ImageDataset:
    """The same images with labels that count in `classes`: label k means `classes[k]`.

    Classes are matched by name. The dataset may have them in another order, or only some of them
    (all of them where `whole`, and where an image has several: of a class that was not looked for
    nobody knows whether it is there).

    ValueError, beginning with `where`: the dataset has a class that `classes` lacks, or lacks one
    where `whole`.
    """
    wanted = tuple(classes)
    if dataset.classes == wanted:
        return dataset
    unknown = [name for name in dataset.classes if name not in wanted]
    whole = whole or dataset.task == "multilabel"
    missing = [name for name in wanted if name not in dataset.classes] if whole else []
    if unknown or missing:
        some = "all" if len(unknown) == dataset.num_classes else listed(unknown)
        differing = f"{some} unknown" if unknown else f"{listed(missing)} missing"
        raise ValueError(
            f"{where}: expected the classes that the model was trained on ({listed(wanted)}); got "
            f"those of {dataset.name!r} ({listed(dataset.classes)}): {differing}; take data of "
            "the same classes, or give classes that mean the same the same names"
        )
    number = torch.tensor([wanted.index(name) for name in dataset.classes])
    if dataset.task == "multilabel":
        return dataset.relabelled(dataset.labels[:, number.argsort()], wanted)
    return dataset.relabelled(number[dataset.labels.long()], wanted)


def counted(dataset: ImageDataset) -> str:
    """How many images there are, and of each class, the rarest first.

    >>> from torchcaps.data import load_dataset
    >>> counted(against_rest(load_dataset("digits", "test"), "7"))
    '360 images (7: 36, rest: 324)'
    """
    if dataset.task == "segmentation":
        return f"{len(dataset):,} {dataset.noun}"
    several = dataset.task == "multilabel"
    labels = dataset.labels.nonzero()[:, 1] if several else dataset.labels
    counts = labels.bincount(minlength=dataset.num_classes).tolist()
    each = sorted(zip(counts, dataset.classes, strict=True), key=lambda pair: pair[0])
    return f"{len(dataset):,} {dataset.noun} ({listed(f'{name}: {n:,}' for n, name in each)})"


def against_rest(dataset: ImageDataset, name: str) -> ImageDataset:
    """The same images in two classes: `name`, and "rest", which all others are; also of images
    that had several.

    ValueError: the dataset has no class of this name, or it is "rest".

    >>> from torchcaps.data import load_dataset
    >>> against_rest(load_dataset("digits", "test"), "7").classes
    ('7', 'rest')
    """
    if name == _REST or name not in dataset.classes:
        near = nearest(name, dataset.classes)
        raise ValueError(
            f"against_rest, name: expected a class of {dataset.name!r} "
            f"({listed(dataset.classes)}), but not {_REST!r}; got {quote(name)}; "
            + (f"did you mean {near!r}?" if near and near != name else "rename the class")
        )
    number = dataset.classes.index(name)
    if dataset.task == "multilabel":
        rest = dataset.labels[:, number] == 0
    else:
        rest = require_one_class(dataset, "against_rest").labels != number
    return dataset.relabelled(rest.long(), (name, _REST))


def require_one_class(dataset: ImageDataset, where: str) -> ImageDataset:
    """`dataset` itself. Raises a `ValueError` unless each of its images has one class."""
    if dataset.task != "classes":
        raise ValueError(
            f"{where}: expected one class of each image; got {dataset.name!r} of task "
            f"{dataset.task!r}; take other data (torchcaps evaluate tests these)"
        )
    return dataset
