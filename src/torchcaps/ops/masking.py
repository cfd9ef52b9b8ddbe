"""Pick the capsule that a decoder is to draw."""

import torch
from jaxtyping import Float, Integer
from torch import Tensor


def select_capsule(
    poses: Float[Tensor, "B J D"], index: Integer[Tensor, " B"]
) -> Float[Tensor, "B D"]:
    """The pose of one parent per image, `[B, J, D], [B] -> [B, D]` (the series' decoder input)."""
    return torch.einsum("bjd,bj->bd", poses, one_hot(index, poses.shape[1], poses.dtype))


def mask_capsules(
    poses: Float[Tensor, "B J D"], index: Integer[Tensor, " B"]
) -> Float[Tensor, "B J D"]:
    """All parents with every pose but the chosen one set to zero (Sabour et al. 2017)."""
    return poses * one_hot(index, poses.shape[1], poses.dtype)[..., None]


def one_hot(index: Integer[Tensor, " B"], count: int, dtype: torch.dtype) -> Float[Tensor, "B J"]:
    """1 at the index of every row, else 0. `F.one_hot` cannot run under vmap."""
    zeros = torch.zeros(index.shape[0], count, dtype=dtype, device=index.device)
    return zeros.scatter(1, index.long()[:, None], 1)
