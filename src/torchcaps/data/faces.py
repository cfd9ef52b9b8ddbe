"""Faces, houses and cars, drawn by us of the same parts, with the pose of every part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from torchcaps.registry import Registry

from .counter import noise
from .dataset import ImageDataset
from .faces_ink import REGIONS, ink, regions
from .faces_scene import CLASSES, SCRAMBLED, Scene, imagine
from .registry import Root
from .segmentation import SegmentationDataset

_STREAM = 1
_SPLIT_SEED = 2011  # transforming auto-encoders, the first capsules
_SPLITS = {  # scenes of that seed, from and to
    "train": (0, 6000),
    "validation": (6000, 6600),
    "train+validation": (0, 6600),
    "test": (6600, 9600),
}
_TASKS: Registry[tuple[tuple[str, ...], tuple[str, ...]]] = Registry("task of dataset 'faces'")
_TASKS.add("wholes")((CLASSES, CLASSES))  # classes, figures in turn
_TASKS.add("scrambled")(
    (("face", "scrambled"), tuple(name for twin in SCRAMBLED for name in ("face", twin)))
)


@dataclass(frozen=True)
class Drawing:
    """images [B,1,size,size] in [0,1], and the scene they show."""

    images: Tensor
    scene: Scene


def draw(
    count: int,
    figures: Sequence[str] = CLASSES,
    *,
    seed: int = 0,
    start: int = 0,
    size: int = 32,
    missing: float = 0.0,
) -> Drawing:
    """Draw the scenes `start` to `start + count - 1` of a seed, which never end: see `imagine`.

    Image k is a function of seed, k, size and its figure, whatever is drawn beside it; its scene
    does not depend on the size. Twins (the same k, another figure) have the same noise.

    >>> faces, twins = draw(3, ("face",)), draw(3, ("eyes below mouth",))
    >>> faces.images.shape, bool((faces.scene.thickness == twins.scene.thickness).all())
    (torch.Size([3, 1, 32, 32]), True)
    """
    scene = imagine(count, figures, seed=seed, start=start, missing=missing)
    images = ink(scene, size)
    grain = noise(seed, _STREAM, start, count, size * size).view_as(images)
    return Drawing(images.add_(grain.mul_(scene.noise.view(-1, 1, 1, 1))).clamp_(0, 1), scene)


def faces(
    split: str, root: Root, *, task: str = "wholes", missing: float = 0.75, size: int = 32
) -> ImageDataset:
    """Faces, houses and cars of the same parts, or faces and scrambled faces; drawn when asked for.

    task: "wholes" (face, house, car) or "scrambled" (face, scrambled). The parts are the same in
        all classes, each with the same distribution of sizes, turns and strokes: only their places
        within the head decide.
    missing: the share of images that lack the eyes, the nose or the mouth, so that no part can be
        relied upon.
    size: pixels of a side, at least 16.
    6,000 train, 600 validation, 3,000 test, the classes equally often; `root` is not used.
    """
    classes, figures = _TASKS[task]
    first, end = _SPLITS[split]
    drawing = draw(end - first, figures, seed=_SPLIT_SEED, start=first, size=size, missing=missing)
    last = len(classes) - 1
    labels = [classes.index(name) if name in classes else last for name in drawing.scene.figures]
    return ImageDataset(drawing.images, torch.tensor(labels), classes, name="faces", split=split)


def face_parts(
    split: str, root: Root, *, missing: float = 0.25, size: int = 32
) -> SegmentationDataset:
    """Faces, and of each pixel the part it belongs to: background, head, eyes, nose or mouth; see
    `faces_ink.regions`. Drawn when asked for, from the scenes of `faces`.

    missing: the share of images that lack the eyes, the nose or the mouth.
    size: pixels of a side, at least 16.
    6,000 train, 600 validation, 3,000 test; `root` is not used.
    """
    first, end = _SPLITS[split]
    drawing = draw(
        end - first, ("face",), seed=_SPLIT_SEED, start=first, size=size, missing=missing
    )
    masks = regions(drawing.scene, size)
    return SegmentationDataset(drawing.images, masks, REGIONS, name="face_parts", split=split)
