"""The length of a capsule: how sure it is that its thing is there."""

import torch
from jaxtyping import Float
from torch import Tensor

from torchcaps.ops.precision import at_least_float32


def lengths(poses: Float[Tensor, "..."], dim: int = -1) -> Float[Tensor, "..."]:
    """Euclidean length of every vector along `dim`: `[B, J, D] -> [B, J]`, gradient 0 at zero.

    Half precision is summed in float32 and returned in the input's dtype.

    >>> lengths(torch.tensor([[3.0, 4.0], [0.0, 0.0]]))
    tensor([5., 0.])
    """
    return torch.linalg.vector_norm(at_least_float32(poses), dim=dim).to(poses.dtype)
