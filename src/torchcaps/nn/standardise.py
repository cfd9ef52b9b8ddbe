"""Inputs of any numbers, standardised by those a model was trained on."""

from collections.abc import Iterable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from torchcaps.ops.signals import channel_statistics, standardise


class Standardise(nn.Module):
    r"""$(x - \mu_c) / \sigma_c$ for each channel c, with mean and deviation of the training data;
    0 where NaN says that a signal has no position.

    Both are buffers, saved with the weights: what is predicted later is scaled as the training data
    were. Until `measure` they are 0 and 1.

    Shapes: `[B, C, *size] -> [B, C, *size]`.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("deviation", torch.ones(channels))

    def measure(self, batches: Iterable[Float[Tensor, "_ C *size"]]) -> None:
        """Take mean and deviation of these, unless there are some already: a model that is trained
        further keeps the scale that its weights know."""
        if (self.mean == 0).all() and (self.deviation == 1).all():
            mean, deviation = channel_statistics(batches)
            self.mean.copy_(mean)
            self.deviation.copy_(deviation)

    def undo(self, x: Float[Tensor, "B C *size"]) -> Float[Tensor, "B C *size"]:
        r"""$\sigma_c x + \mu_c$: back in the units of the data."""
        shape = (-1, *[1] * (x.ndim - 2))
        return x * self.deviation.to(x).view(shape) + self.mean.to(x).view(shape)

    def forward(self, x: Float[Tensor, "B C *size"]) -> Float[Tensor, "B C *size"]:
        return standardise(x, self.mean, self.deviation)
