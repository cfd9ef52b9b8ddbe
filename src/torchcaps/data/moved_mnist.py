"""MNIST under random rotations and affine maps, made from its files: image k by number k."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from .counter import uniforms
from .dataset import ImageDataset, as_unit_float
from .mnist import mnist, mnist_parts
from .registry import Root
from .splits import permutation
from .transforms import affine, place, rotate

Moves = Literal["protocol", "centre", "shift", "affine"]

CANVAS = 40  # pixels of a side of affine_mnist, as affNIST
_SHIFT = 6  # at which no digit is cut
_ROOM = 56  # on which the affine map cuts nothing either
_ROTATION, _SHEAR, _SCALES = 20.0, 0.2, (0.8, 1.2)
_STREAMS = {"train": 1, "validation": 2, "test": 3}
_AT_ONCE = 1000

_SPLIT_SEED, _ROTATED_STREAM = 2007, 4
_ROTATED_PARTS = {  # of 70 shares of MNIST
    "train": (0, 10), "validation": (10, 12), "train+validation": (0, 12), "test": (12, 62)
}  # fmt: skip


def affine_mnist(
    split: str, root: Root, *, moves: Moves = "protocol", seed: int = 0
) -> ImageDataset:
    """MNIST digits on 40 x 40 pixels under random affine maps: ours, made like affNIST.

    moves: "affine": rotated by up to 20 degrees, sheared by up to 0.2, each side scaled by 0.8 to
        1.2, all uniform, then anywhere, by whole pixels, where all of the digit is on the canvas.
        "shift": shifted by up to 6 whole pixels each way. "centre": in the middle, for recipes with
        `shift: 6`, which shift anew in each epoch. "protocol": shifted for training and validation,
        affine for the test, as Sabour et al. (2017) use affNIST.
    seed: of the moves.

    55,000 train, 5,000 validation and 10,000 test images, of those splits of MNIST. Image k of a
    split is a function of seed and k. It is not affNIST: other random numbers, bilinear
    interpolation in one step, one version of each digit and not 32.
    """
    if moves == "protocol":
        moves = "affine" if split == "test" else "shift"
    parts = mnist_parts(split, root)
    images = torch.cat([_moved(part, moves, seed) for part in parts])
    labels = torch.cat([part.labels for part in parts])
    return ImageDataset(images, labels, parts[0].classes, name="affine_mnist", split=split)


def rotated_mnist(split: str, root: Root, *, seed: int = 0) -> ImageDataset:
    """MNIST digits, each rotated by an angle uniform over the circle: ours, rotMNIST-like.

    10,000 train, 2,000 validation and 50,000 test images, the sizes of the public set (Larochelle
    et al. 2007), are drawn from all 70,000 of MNIST. The choice of digits, the angles and the
    interpolation (bilinear) are others than those of the public files, so that figures can be
    compared only roughly. Test images include training images of MNIST: what was trained on
    `mnist` is not tested here.

    seed: of the angles.
    """
    whole = [mnist(part, root) for part in ("train+validation", "test")]
    images = torch.cat([part.images for part in whole])
    labels = torch.cat([part.labels for part in whole])
    first, end = (len(labels) * share // 70 for share in _ROTATED_PARTS[split])
    chosen = permutation(len(labels), _SPLIT_SEED)[first:end].sort().values
    degrees = 360 * uniforms(seed, _ROTATED_STREAM, 0, len(labels), 1)[chosen, 0]
    turned = [
        _bytes(rotate(as_unit_float(images[chosen[some]]), degrees[some]))
        for some in _chunks(len(chosen))
    ]
    return ImageDataset(
        torch.cat(turned), labels[chosen], whole[0].classes, name="rotated_mnist", split=split
    )


def _moved(digits: ImageDataset, moves: Moves, seed: int) -> Tensor:
    """The images of a split of MNIST, uint8 [N,1,40,40]."""
    drawn = uniforms(seed, _STREAMS[digits.split], 0, len(digits), 6)
    chunks = _chunks(len(drawn))
    return torch.cat([_on_canvas(digits.images[some], moves, drawn[some]) for some in chunks])


def _on_canvas(digits: Tensor, moves: Moves, drawn: Tensor) -> Tensor:
    """Digits uint8 [B,1,28,28] moved as six uniform numbers [B,6] each say."""
    across, down = drawn[:, :2].double().unbind(1)
    still = torch.zeros(len(digits), dtype=torch.long)
    if moves == "centre":
        return place(digits, (CANVAS, CANVAS), still, still)
    if moves == "shift":
        dx, dy = ((2 * _SHIFT + 1) * u for u in (across, down))
        return place(digits, (CANVAS, CANVAS), dx.long() - _SHIFT, dy.long() - _SHIFT)
    degrees, shear = _ROTATION * (2 * drawn[:, 2] - 1), _SHEAR * (2 * drawn[:, 3] - 1)
    low, high = _SCALES
    wide, tall = (low + (high - low) * drawn[:, 4:]).unbind(1)
    room = as_unit_float(place(digits, (_ROOM, _ROOM), still, still))
    moved = _bytes(affine(room, degrees, scale=tall, shear=shear, stretch=wide / tall))
    dx, dy = (_within(moved.amax(axis), u) for axis, u in (((1, 2), across), ((1, 3), down)))
    return place(moved, (CANVAS, CANVAS), dx, dy)


def _within(ink: Tensor, drawn: Tensor) -> Tensor:
    """Whole pixels [B] by which ink along one axis [B,56] is moved to anywhere on the canvas, all
    of it, by uniform numbers [B]."""
    there = (ink > 0).int()
    first, last = there.argmax(1), _ROOM - 1 - there.flip(1).argmax(1)
    edge = (_ROOM - CANVAS) // 2
    lowest, highest = edge - first, edge + CANVAS - 1 - last
    return lowest + (drawn * (highest - lowest + 1)).long()


def _bytes(images: Tensor) -> Tensor:
    return (255 * images).round().to(torch.uint8)


def _chunks(count: int) -> list[slice]:
    return [slice(at, at + _AT_ONCE) for at in range(0, count, _AT_ONCE)]
