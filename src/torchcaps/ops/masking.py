"""Pick the capsule that a decoder is to draw."""

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F


def select_capsule(poses: Float[Tensor, "B J D"], index: Int[Tensor, " B"]) -> Float[Tensor, "B D"]:
    """The pose of one parent per image, `[B, J, D], [B] -> [B, D]` (the series' decoder input)."""
    one_hot = F.one_hot(index.long(), poses.shape[1]).to(poses.dtype)
    return torch.einsum("bjd,bj->bd", poses, one_hot)


def mask_capsules(
    poses: Float[Tensor, "B J D"], index: Int[Tensor, " B"]
) -> Float[Tensor, "B J D"]:
    """All parents with every pose but the chosen one set to zero (Sabour et al. 2017)."""
    one_hot = F.one_hot(index.long(), poses.shape[1]).to(poses.dtype)
    return poses * one_hot[..., None]
