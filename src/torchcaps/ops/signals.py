"""Signals that end before the longest of their batch: NaN stands where one has no position."""

from collections.abc import Iterable

import torch
from jaxtyping import Bool, Float
from torch import Tensor


def is_there(x: Float[Tensor, "B C *size"]) -> Bool[Tensor, "B *size"]:
    """Which positions a signal has: those without NaN in any channel."""
    return ~x.isnan().any(1)


def standardise(
    x: Float[Tensor, "B C *size"], mean: Float[Tensor, " C"], deviation: Float[Tensor, " C"]
) -> Float[Tensor, "B C *size"]:
    r"""$(x - \mu_c) / \sigma_c$ in every channel c, and 0, the mean, where `is_there` says no."""
    shape = (-1, *[1] * (x.ndim - 2))
    scaled = (x - mean.to(x).view(shape)) / deviation.to(x).view(shape)
    return scaled.masked_fill(~is_there(x).unsqueeze(1), 0)


def channel_statistics(
    batches: Iterable[Float[Tensor, "_ C *size"]],
) -> tuple[Float[Tensor, " C"], Float[Tensor, " C"]]:
    """Mean and deviation `[C]`, in float64, over all positions that the signals have. A constant
    channel has deviation 1, so that standardised it is 0."""
    count, total, squares = 0, torch.zeros(()), torch.zeros(())
    for x in batches:
        values = x.double().movedim(1, -1)[is_there(x)]  # [positions, C]
        count += len(values)
        total, squares = total + values.sum(0), squares + values.square().sum(0)
    mean = total / count
    variance = squares / count - mean.square()
    # What rounding leaves of a constant is no deviation.
    constant = variance <= 1e-12 * (squares / count)
    return mean, torch.where(constant, 1, variance.clamp_min(0).sqrt())


def mean_over(x: Float[Tensor, "B C L"], there: Bool[Tensor, "B L"]) -> Float[Tensor, "B C"]:
    """The mean over the positions that are there; 0 where there are none."""
    kept = x.masked_fill(~there.unsqueeze(1), 0)
    return kept.sum(-1) / there.sum(-1, keepdim=True).clamp_min(1).to(x.dtype)
