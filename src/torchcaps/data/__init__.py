"""Datasets by name, and the moves that change images."""

from typing import TYPE_CHECKING

from torchcaps.lazy import lazy_names

if TYPE_CHECKING:
    from . import arrays, digits, faces, folder, mnist, transforms
    from .augmentation import Augmentation
    from .catalogue import list_datasets, register
    from .classes import against_rest, match_classes, require_one_class
    from .dataset import ImageDataset, SignalDataset, Task
    from .registry import load_dataset
    from .segmentation import SegmentationDataset

__all__ = [
    "Augmentation",
    "ImageDataset",
    "SegmentationDataset",
    "SignalDataset",
    "Task",
    "against_rest",
    "arrays",
    "digits",
    "faces",
    "folder",
    "list_datasets",
    "load_dataset",
    "match_classes",
    "mnist",
    "register",
    "require_one_class",
    "transforms",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "Augmentation": "torchcaps.data.augmentation:Augmentation",
        "ImageDataset": "torchcaps.data.dataset:ImageDataset",
        "SegmentationDataset": "torchcaps.data.segmentation:SegmentationDataset",
        "SignalDataset": "torchcaps.data.dataset:SignalDataset",
        "Task": "torchcaps.data.dataset:Task",
        "against_rest": "torchcaps.data.classes:against_rest",
        "arrays": "torchcaps.data.arrays",
        "digits": "torchcaps.data.digits",
        "faces": "torchcaps.data.faces",
        "folder": "torchcaps.data.folder",
        "list_datasets": "torchcaps.data.catalogue:list_datasets",
        "load_dataset": "torchcaps.data.registry:load_dataset",
        "match_classes": "torchcaps.data.classes:match_classes",
        "mnist": "torchcaps.data.mnist",
        "register": "torchcaps.data.catalogue:register",
        "require_one_class": "torchcaps.data.classes:require_one_class",
        "transforms": "torchcaps.data.transforms",
    },
)
