"""Non-linearities that shorten a vector and keep its direction."""

import torch
from jaxtyping import Float
from torch import Tensor

from torchcaps.ops.precision import at_least_float32

# Longest length short of 1, in units of the dtype's eps: what a product and a norm may round up.
SAFETY = 4


def squash(s: Float[Tensor, "..."], dim: int = -1) -> Float[Tensor, "..."]:
    r"""Shorten every vector along `dim` to a length in [0, 1):

    $$ v = \frac{\|s\|^2}{1 + \|s\|^2} \frac{s}{\|s\|} $$

    Short vectors shrink as their square, long ones approach unit length, the direction stays.
    Half precision is computed in float32 and returned in the input's dtype. Values and gradients
    are finite for every finite vector, and rounding never carries `lengths` of the result over 1;
    in half precision the length of a long vector may round to exactly 1.

    Source: Sabour, Frosst & Hinton 2017, eq. 1. Unlike the authors' code, which divides by
    the length, a zero vector gives value 0 and gradient 0, exactly and without an epsilon.

    >>> squash(torch.tensor([3.0, 4.0])).norm()
    tensor(0.9615)
    """
    x = at_least_float32(s)
    x = x * shrinking(x, dim)
    length = torch.linalg.vector_norm(x, dim=dim, keepdim=True)
    margin = 1 + SAFETY * torch.finfo(x.dtype).eps
    return (x * (length / (1 + margin * length * length))).to(s.dtype)


def unit_squash(s: Float[Tensor, "..."], dim: int = -1) -> Float[Tensor, "..."]:
    r"""The steeper squash of Efficient-CapsNet, whose slope at zero is one:

    $$ v = (1 - e^{-\|s\|}) \frac{s}{\|s\|} $$

    Half precision is computed in float32 and returned in the input's dtype. Values and gradients
    are finite for every finite vector, and rounding never carries `lengths` of the result over 1;
    in half precision the length of a long vector may round to exactly 1.

    Source: Mazzia, Salvetti & Chiaberge 2021, eq. 6. Their code is NaN at a zero vector; here
    the limit is taken: value 0, gradient the identity.

    >>> unit_squash(torch.tensor([3.0, 4.0])).norm()
    tensor(0.9933)
    """
    x = at_least_float32(s)
    x = x * shrinking(x, dim)
    length = torch.linalg.vector_norm(x, dim=dim, keepdim=True)
    nonzero = torch.where(length > 0, length, torch.ones_like(length))
    new = (-torch.expm1(-nonzero)).clamp_max(1 - SAFETY * torch.finfo(x.dtype).eps)
    scale = torch.where(length > 0, new / nonzero, torch.ones_like(length))
    return (x * scale).to(s.dtype)


def shrinking(x: Float[Tensor, "..."], dim: int) -> Float[Tensor, "..."]:
    """A constant factor for every vector along `dim` that brings it within 1/eps, where squares do
    not overflow and all longer vectors have the same squash; 1 for those that are there."""
    if x.shape[dim] == 0:
        return torch.ones_like(x)
    reach = 1 / torch.finfo(x.dtype).eps
    return reach / x.detach().abs().amax(dim, keepdim=True).clamp_min(reach)
