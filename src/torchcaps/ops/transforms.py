"""Whether torch.func or a forward-mode derivative is at work on a computation."""

import torch
from torch import Tensor
from torch.autograd import forward_ad


def transformed(*tensors: Tensor | None) -> bool:
    """Whether a transform of torch.func is active, or one of `tensors` carries a tangent.

    Operators with a hand-written gradient do not know them, and values cannot be read under vmap.
    """
    # Private, as PyTorch has no public question for it; torch.autograd.Function asks the same.
    if torch._C._are_functorch_transforms_active():
        return True
    return any(x is not None and forward_ad.unpack_dual(x).tangent is not None for x in tensors)
