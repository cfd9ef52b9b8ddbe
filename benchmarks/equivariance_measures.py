"""What a trained equivariant_capsnet makes of turned test images."""

from itertools import combinations
from statistics import mean

import torch
from torch import Tensor

import torchcaps as tc
from torchcaps.data import ImageDataset
from torchcaps.data.transforms import rotate
from torchcaps.models import EquivariantCapsNet


@torch.no_grad()
def check_exactness(model: EquivariantCapsNet) -> None:
    """Quarter turns, float64, on the trained weights: an `AssertionError` above 1e-10."""
    model.double()
    images = torch.rand(4, *model.in_shape, dtype=torch.float64)
    poses, turned = model(images).poses, model(torch.rot90(images, 1, (2, 3))).poses
    error = (tc.ops.rotate_pose(poses, 90, n=model.n) - turned).abs().max()
    assert error < 1e-10, error
    model.float()


@torch.no_grad()
def poses_of(model: EquivariantCapsNet, images: ImageDataset, degrees: float) -> Tensor:
    """Of every image, turned."""
    batches = (images.batch(some)[0] for some in torch.arange(len(images)).split(250))
    turned = (rotate(batch, degrees) for batch in batches)
    return torch.cat([model.capsules(model.primary_capsules(batch)) for batch in turned])


@torch.no_grad()
def measure(
    model: EquivariantCapsNet, test_set: ImageDataset, degrees: float, upright: Tensor
) -> dict[str, float]:
    """Of every test image, turned, by the window of the scores: percent correct, and percent of 6s
    and 9s taken for each other; medians of the angle's error in degrees. The angle error is that
    of the angle, which upright images have too, being read as a little turned; the turn error that
    of the difference from the angle of the same image upright."""
    poses, labels = poses_of(model, test_set, degrees), test_set.labels
    row = {"degrees": degrees}
    for model.window in (180.0, 60.0):
        found = model.scores(poses).argmax(-1)
        angle = model.angle(poses)
        swapped = (found + labels == 15) & ((found == 6) | (found == 9))
        name = f"{model.window:.0f}"
        row |= {
            f"window {name}": 100 * float((found == labels).float().mean()),
            f"angle error {name}": _median_turn(angle - degrees),
            f"turn error {name}": _median_turn(angle - model.angle(upright) - degrees),
            f"6 for 9 or 9 for 6, {name}": 100 * float(swapped.float().mean()),
        }
    return row


def whose_upright(angles: Tensor, labels: Tensor) -> dict[str, object]:
    """Of angles read from upright images, `[seeds, N]`: is it the network's error or the digit's?

    The median size for every digit, over the seeds; and how seeds agree from image to image: the
    mean circular correlation of their angles, None where there is one seed.
    """
    of_digit = [angles[:, labels == digit].abs().median() for digit in range(10)]
    pairs = combinations(angles, 2)
    agree = [circular_correlation(*pair) for pair in pairs]
    return {
        "angle error by digit": [float(error) for error in of_digit],
        "correlation between seeds": mean(agree) if agree else None,
    }


def circular_correlation(one: Tensor, other: Tensor) -> float:
    """Of angles in degrees, which wrap (Jammalamadaka & Sarma 1988); Pearson's for small ones."""
    turns = torch.deg2rad(torch.stack([one, other]))
    middle = torch.atan2(turns.sin().mean(1), turns.cos().mean(1))
    a, b = (turns - middle[:, None]).sin()
    return float((a * b).sum() / (a.square().sum() * b.square().sum()).sqrt())


def _median_turn(degrees: Tensor) -> float:
    """The median size of turns, each the short way round."""
    return float(((degrees + 180) % 360 - 180).abs().median())
