"""What routing gives."""

from typing import NamedTuple

from torch import Tensor


class Capsules(NamedTuple):
    """A layer's capsules: `poses [B, I, E]` and how sure each is that its thing is there,
    `activations [B, I]` in [0, 1]."""

    poses: Tensor
    activations: Tensor


class Routing(NamedTuple):
    """What routing found: the parents' `poses [B, J, D]` and `activations [B, J]`, the last
    `couplings [B, I, J]` and, where asked for, those of every
    iteration, `history [R, B, I, J]`."""

    poses: Tensor
    activations: Tensor
    couplings: Tensor
    history: Tensor | None = None
