"""What each dimension of a pose draws."""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from torchcaps.analysis.eval_mode import eval_mode, require
from torchcaps.models import Model

# The paper's range: from -0.25 to 0.25 in steps of 0.05.
OFFSETS = tuple(round(0.05 * k, 2) for k in range(-5, 6))


class Perturbation(NamedTuple):
    """images: `[D, len(offsets), C, H, W]`, the reconstruction with one dimension moved.

    winner: the class whose capsule was longest, and moved.
    """

    images: Tensor
    offsets: tuple[float, ...]
    winner: int


@torch.no_grad()
def perturb(
    model: Model, image: Float[Tensor, "C H W"], offsets: tuple[float, ...] = OFFSETS
) -> Perturbation:
    """Reconstruct `image` with each dimension of its longest capsule moved by each offset.

    Raises a `ValueError` for a model without capsules or without a decoder.

    Source: Sabour et al. 2017, figure 4.
    """
    require("reconstructs", model, "perturb")
    with eval_mode(model) as device:
        out = model(image[None].to(device))
        winner = out.scores.argmax(-1)
        return Perturbation(move(model, out.poses, winner, offsets)[0], offsets, int(winner))


def move(
    model: Model,
    poses: Float[Tensor, "B J D"],
    index: Int[Tensor, " B"],
    offsets: tuple[float, ...],
) -> Float[Tensor, "B D K C H W"]:
    """Draw the capsules `index` of each image with each dimension moved by each of K offsets."""
    count, _, dim = poses.shape
    moves = torch.eye(dim)[:, None] * torch.tensor(offsets)[:, None]  # [D, K, D]
    times = dim * len(offsets)
    moved = poses.repeat_interleave(times, 0)
    chosen = index.repeat_interleave(times)
    moved[torch.arange(len(moved)), chosen] += moves.flatten(0, 1).repeat(count, 1).to(poses)
    drawn = model.decode(moved, chosen)
    assert drawn is not None
    return drawn.unflatten(0, (count, dim, len(offsets)))
