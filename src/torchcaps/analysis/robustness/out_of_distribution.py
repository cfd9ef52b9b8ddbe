"""Images that a model was not trained for, generated: nothing to download."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from torchcaps.data import ImageDataset, load_dataset
from torchcaps.data.faces import draw

_SEED = 1811  # of the faces; the dataset has another


def out_of_distribution(dataset: ImageDataset, count: int, *, seed: int = 0) -> dict[str, Tensor]:
    """`count` images of each kind, in the shape of those of `dataset`, pixels in [0, 1].

    faces: drawn four times as large and averaged over blocks, as the embedded digits were made;
        the brightest pixel of each is 1. Where faces are what `dataset` holds: digits.
    mirror images: those of `dataset`, left and right exchanged. The nearest of the kinds, and not
        all out of distribution: a 0 stays one. (Digits rotated by 90 degrees would be given away
        by their outer columns, where the embedded ones have hardly any ink.)
    shuffled pixels: images of `dataset`, the pixels of each in an order of its own: as much ink.
    noise: every pixel uniform on [0, 1].

    `seed` draws the orders and the noise. Where `dataset` has fewer than `count` images, they come
    again.

    Raises a `ValueError` for a dataset of signals or volumes.
    """
    if len(dataset.in_shape) != 3:
        raise ValueError(
            f"out_of_distribution, dataset: expected images; got {dataset.noun} of "
            f"{dataset.in_shape}, of which there are no pictures; take a dataset of images"
        )
    generator = torch.Generator().manual_seed(seed)
    images, _ = dataset.batch(torch.arange(count) % len(dataset))
    orders = torch.rand(images.shape[0], images[0, 0].numel(), generator=generator).argsort(-1)
    shuffled = images.flatten(2).gather(2, orders[:, None].expand(-1, images.shape[1], -1))
    name, others = _others(dataset, count)
    return {
        name: others,
        "mirror images": images.flip(-1),
        "shuffled pixels": shuffled.view_as(images),
        "noise": torch.rand(images.shape, generator=generator),
    }


def _others(dataset: ImageDataset, count: int) -> tuple[str, Float[Tensor, "N C H W"]]:
    channels, height, width = dataset.in_shape
    if dataset.name == "faces":
        digits = load_dataset("digits", "test")
        name, images = "digits", digits.batch(torch.arange(count) % len(digits))[0]
    else:
        name = "faces"
        size = max(16, 4 * max(height, width))
        images = draw(count, ("face",), seed=_SEED, size=size).images
    averaged = F.adaptive_avg_pool2d(images, (height, width))
    return name, (averaged / averaged.amax((2, 3), keepdim=True)).expand(-1, channels, -1, -1)
