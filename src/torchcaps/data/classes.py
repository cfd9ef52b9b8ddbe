"""Labels of a dataset, numbered as the classes of a trained model."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from torchcaps.quoting import listed

from .dataset import ImageDataset


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


def require_one_class(dataset: ImageDataset, where: str) -> ImageDataset:
    """`dataset` itself. Raises a `ValueError` unless each of its images has one class."""
    if dataset.task != "classes":
        raise ValueError(
            f"{where}: expected one class of each image; got {dataset.name!r} of task "
            f"{dataset.task!r}; take other data (torchcaps evaluate tests these)"
        )
    return dataset
