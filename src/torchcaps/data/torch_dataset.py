"""Any dataset of torch in the place of an `ImageDataset`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Subset

from torchcaps.quoting import quote

from .dataset import ImageDataset
from .read_dataset import ReadDataset

_WHERE = "train, data"


def as_images(dataset: Any, classes: Sequence[str] | None = None) -> ImageDataset:
    """`dataset` itself, or a view of a torch dataset whose items are (image, label).

    Images are tensors [C,H,W] (signals [C,L], volumes [C,D,H,W]) of one shape, uint8 0..255 or
    floating, read anew for every batch, so that the random transforms of a dataset stay random.
    Shorter signals end with NaN, see `SignalDataset`. Labels are whole numbers from 0, or
    rows [J] of 0 and 1, taken from the attribute `targets`, as torchvision has it, or else read
    once from all items.

    classes: names, where the dataset has no attribute `classes`; without any, they are numbers.

    ValueError: no length or no items, or an item that is not such a pair.
    """
    if isinstance(dataset, ImageDataset):
        return dataset
    if not hasattr(dataset, "__getitem__") or not hasattr(dataset, "__len__") or not len(dataset):
        raise ValueError(
            f"{_WHERE}: expected a dataset with a length of at least 1 and items (image, label); "
            f"got {type(dataset).__name__}; read a stream into a list first"
        )
    image, _ = _item(dataset, 0)
    labels = _labels(dataset)
    names = getattr(dataset, "classes", None) or classes
    if names is None:
        count = labels.shape[1] if labels.ndim == 2 else int(labels.max()) + 1
        names = [str(label) for label in range(count)]
    names, known_as = [str(name) for name in names], type(dataset).__name__
    return _TorchImages(dataset, image.shape, labels, names, known_as)


class _TorchImages(ReadDataset):
    """Images of a torch dataset, read item by item when a batch is asked for."""

    def __init__(
        self,
        dataset: Any,
        in_shape: Sequence[int],
        labels: Tensor,
        classes: Sequence[str],
        name: str,
    ) -> None:
        super().__init__(len(dataset), in_shape, labels, classes, name=name, split="all")
        self.dataset = dataset

    def _read(self, indices: list[int]) -> Tensor:
        images = [_item(self.dataset, index)[0] for index in indices]
        for index, image in zip(indices, images, strict=True):
            if image.shape != self.in_shape:
                raise ValueError(
                    f"{_WHERE}, item {index}: expected an image of {list(self.in_shape)}, the "
                    f"shape of item 0; got {list(image.shape)}; resize the images in its transform"
                )
        return torch.stack(images)

    def _part(self, indices: list[int], labels: Tensor, classes: Sequence[str]) -> ImageDataset:
        part = Subset(self.dataset, indices)
        return _TorchImages(part, self.in_shape, labels, classes, self.name)


def _item(dataset: Any, index: int) -> tuple[Tensor, Any]:
    item = dataset[index]
    if not isinstance(item, tuple | list) or len(item) != 2:
        raise ValueError(
            f"{_WHERE}, item {index}: expected a pair (image, label); got {quote(item)}; wrap the "
            "dataset in one whose __getitem__ returns that pair"
        )
    image, label = item
    if not isinstance(image, Tensor) or image.ndim not in (2, 3, 4):
        got = f"shape {list(image.shape)}" if isinstance(image, Tensor) else type(image).__name__
        raise ValueError(
            f"{_WHERE}, item {index}: expected an image tensor [C,H,W], a signal [C,L] or a "
            f"volume [C,D,H,W]; got {got}; give the dataset a transform to tensors"
        )
    return image, label


def _labels(dataset: Any) -> Tensor:
    """Whole numbers [N], or rows of 0 and 1, [N,J]."""
    known = getattr(dataset, "targets", None)
    if known is None or len(known) != len(dataset):
        known = [_item(dataset, index)[1] for index in range(len(dataset))]
    try:
        if len(known[0]) > 1:  # fails for numbers
            return torch.stack([torch.as_tensor(label) for label in known])
    except (TypeError, IndexError, RuntimeError):
        pass
    try:
        return torch.as_tensor([int(label) for label in known])
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{_WHERE}: expected labels that are whole numbers; got others ({error}); number the "
            "classes from 0"
        ) from None
