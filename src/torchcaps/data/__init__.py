"""Datasets by name, and the moves that change images."""

from . import digits, faces, folder, mnist  # noqa: F401  importing them registers them
from .dataset import ImageDataset
from .registry import list_datasets, load_dataset

__all__ = ["ImageDataset", "list_datasets", "load_dataset"]
