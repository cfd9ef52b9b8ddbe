"""What the algorithms share that model a parent's votes as a Gaussian."""

import torch
from torch import Tensor

from torchcaps.ops.routing.moments import agreement, deviations, over

# Variances stay below this, so that votes of 1e18 give finite poses in float32.
WIDEST = 1e30


def bounded_variance(scatter: Tensor, mass: Tensor) -> Tensor:
    """`scatter / mass`, 0 without mass, never infinite."""
    return over(scatter, mass).clamp(max=WIDEST)


def distances(votes: Tensor, mean: Tensor, precision: Tensor) -> Tensor:
    """`(votes_ij - mean_j)^T precision_j (votes_ij - mean_j)`, `[B, I, J]`, from `[B, I, J, D]`,
    `[B, J, D]` and a diagonal, `[B, J, D]`, or a matrix, `[B, J, D, D]`."""
    apart = deviations(votes, mean)
    if precision.ndim == mean.ndim:
        return agreement(apart.square(), precision)
    return (torch.einsum("bijd,bjde->bije", apart, precision) * apart).sum(-1)


def log_normal(votes: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
    """`log N(votes_ij; mean_j, variance_j)` but for its constant, `[B, I, J]`; `[B, J, D]` both."""
    near = distances(votes, mean, 1 / variance)
    return -0.5 * (near + variance.log().sum(-1).unsqueeze(1))
