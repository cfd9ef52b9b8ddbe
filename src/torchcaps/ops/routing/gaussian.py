"""What the algorithms share that model a parent's votes as a Gaussian."""

import torch
from torch import Tensor

# Variances stay below this, so that votes of 1e18 give finite poses in float32.
WIDEST = 1e30


def bounded_variance(scatter: Tensor, mass: Tensor) -> Tensor:
    """`scatter / mass`, 0 without mass, never infinite."""
    there = mass > 0
    variance = torch.where(there, scatter, 0) / torch.where(there, mass, 1)
    return variance.clamp(max=WIDEST)


def distances(votes: Tensor, mean: Tensor, precision: Tensor) -> Tensor:
    """`sum_d precision_jd (votes_ijd - mean_jd)^2`, `[B, I, J]`, from `[B, I, J, D]` and
    `[B, J, D]`."""
    return ((votes - mean.unsqueeze(1)).square() * precision.unsqueeze(1)).sum(-1)
