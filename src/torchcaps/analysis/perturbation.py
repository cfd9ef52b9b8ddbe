"""What each dimension of a pose draws."""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from torchcaps.models import CapsNet, Model

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
    if not isinstance(model, CapsNet) or model.decoder is None:
        raise ValueError(
            f"perturb, model: expected capsules and a decoder; got {model.name}, which lacks them; "
            "take a capsnet with decoder 'mlp' or 'conv'"
        )
    out = model.eval()(image[None])
    winner = int(out.scores.argmax())
    dim = out.poses.shape[2]
    moves = torch.eye(dim)[:, None] * torch.tensor(offsets)[:, None]  # [D, offsets, D]
    poses = out.poses.repeat(dim * len(offsets), 1, 1)
    poses[:, winner] += moves.flatten(0, 1).to(poses)
    drawn = model.decode(poses, torch.full((len(poses),), winner, device=poses.device))
    assert drawn is not None
    return Perturbation(drawn.unflatten(0, (dim, len(offsets))), offsets, winner)
