"""Images of which it is known how things lie in them."""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from torchcaps.data import ImageDataset
from torchcaps.data.faces import draw
from torchcaps.data.transforms import affine

# How images are moved, evenly between these; shifts are shares of the image's width.
RANGES = {
    "rotation": (-45.0, 45.0),
    "scale": (0.75, 1.1),
    "shift x": (-0.125, 0.125),
    "shift y": (-0.125, 0.125),
    "shear": (-0.3, 0.3),
}
_TRUTH_SEED = 1998  # of the faces whose poses are asked for; no network has seen them


class PoseTargets(NamedTuple):
    """N images with their classes, and the quantities by name, each `[N]`; `classes` names the
    labels 0, 1, ..."""

    images: Float[Tensor, "N C H W"]
    labels: Int[Tensor, " N"]
    quantities: Mapping[str, Float[Tensor, " N"]]
    classes: tuple[str, ...]


def moved(dataset: ImageDataset, times: int, *, seed: int) -> PoseTargets:
    """Every image of `dataset`, `times` times, each moved in all of `RANGES` at once.

    The quantities are what was done, in the units of `RANGES`: what the image had of them before,
    such as the slant of a hand, is not known. So no reader of the result can be perfect.
    """
    images, labels = dataset.batch(torch.arange(len(dataset)).repeat(times))
    chance = torch.rand(len(RANGES), len(images), generator=torch.Generator().manual_seed(seed))
    done = {
        name: low + (high - low) * u
        for (name, (low, high)), u in zip(RANGES.items(), chance, strict=True)
    }
    width = images.shape[-1]
    turned = affine(
        images,
        degrees=done["rotation"],
        scale=done["scale"],
        dx=width * done["shift x"],
        dy=width * done["shift y"],
        shear=done["shear"],
    )
    return PoseTargets(turned, labels, done, dataset.classes)


def drawn(count: int, *, start: int = 0) -> PoseTargets:
    """The faces, houses and cars `start` to `start + count - 1`, with all their parts.

    The quantities are those that they were drawn with: rotation in degrees, x and y in halves of
    the image's side, scale and thickness. Labels are those of the faces dataset.
    """
    drawing = draw(count, seed=_TRUTH_SEED, start=start)
    scene = drawing.scene
    x, y, rotation, scale = scene.whole.unbind(-1)
    names = tuple(dict.fromkeys(scene.figures))
    known = {
        "rotation": rotation,
        "scale": scale,
        "shift x": x,
        "shift y": y,
        "thickness": scene.thickness,
    }
    labels = torch.tensor([names.index(f) for f in scene.figures])
    return PoseTargets(drawing.images, labels, known, names)
