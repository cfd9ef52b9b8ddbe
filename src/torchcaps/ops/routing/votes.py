"""Votes: what every child predicts for every parent."""

import torch
from jaxtyping import Float
from torch import Tensor

from torchcaps.ops.precision import without_autocast


def votes(u: Float[Tensor, "B I E"], weight: Float[Tensor, "T J D E"]) -> Float[Tensor, "B I J D"]:
    r"""Every child's prediction of every parent's pose, $\hat u_{ij} = W_{ij} u_i$.

    Args:
        u: `[B, I, E]` children.
        weight: `[I, J, D, E]` transforms, or `[T, J, D, E]` shared over positions where
            `I = T * positions`: child `i` uses transform `i // positions` (children come by type).

    Returns:
        `[B, I, J, D]` in the wider of the two dtypes, inside autocast too.

    Source: Sabour et al. 2017, eq. 2.
    """
    check_children(u, weight, "votes")
    dtype = torch.promote_types(u.dtype, weight.dtype)
    batch, children, _ = u.shape
    types, parents, dim, _ = weight.shape
    # [T, B*positions, E] @ [T, E, J*D]: one batched product, faster than broadcasting.
    by_type = u.to(dtype).unflatten(1, (types, -1)).transpose(0, 1).flatten(1, 2)
    flat = weight.to(dtype).reshape(types, parents * dim, -1).transpose(1, 2)
    with without_autocast(u.device):
        out = torch.bmm(by_type, flat)  # [T, B*positions, J*D]
    return (
        out.reshape(types, batch, children // types, parents, dim)
        .transpose(0, 1)
        .reshape(batch, children, parents, dim)
    )


def matrix_votes(
    u: Float[Tensor, "B I E"], weight: Float[Tensor, "T J p r"]
) -> Float[Tensor, "B I J D"]:
    r"""Votes of matrix capsules: the pose, a matrix with p columns, times a matrix of each parent,
    $\hat u_{ij} = M_i W_{ij}$.

    Args:
        u: `[B, I, q * p]`, poses row by row.
        weight: `[I, J, p, r]`, or `[T, J, p, r]` shared over positions, as in `votes`.

    Returns:
        `[B, I, J, q * r]`, row by row, in the wider of the two dtypes.

    Source: Hinton, Sabour & Frosst 2018.
    """
    types, parents, inner, columns = weight.shape
    if u.ndim != 3 or u.shape[2] % inner or types == 0 or u.shape[1] % types:
        raise ValueError(
            f"matrix_votes, u: expected [B, {types} (or a multiple of it), rows * {inner}] to fit "
            f"weight {tuple(weight.shape)}; got {tuple(u.shape)}; "
            "build the layer for this number and size of children"
        )
    dtype = torch.promote_types(u.dtype, weight.dtype)
    batch, children, size = u.shape
    rows, positions = size // inner, children // types
    by_type = u.to(dtype).reshape(batch, types, positions * rows, inner).transpose(0, 1)
    flat = weight.to(dtype).transpose(1, 2).reshape(types, inner, parents * columns)
    with without_autocast(u.device):
        out = torch.bmm(by_type.reshape(types, -1, inner), flat)
    out = out.reshape(types, batch, positions, rows, parents, columns)
    return out.permute(1, 0, 2, 4, 3, 5).reshape(batch, children, parents, rows * columns)


def check_children(u: Tensor, weight: Tensor, where: str) -> None:
    """Raise a `ValueError` unless `u` is `[B, I, E]`, `weight` `[T, J, D, E]` and T divides I."""
    if u.ndim != 3:
        raise ValueError(
            f"{where}, u: expected children [B, I, E]; got shape {tuple(u.shape)}; "
            "flatten the capsule grid to one axis of children first"
        )
    if weight.ndim != 4:
        raise ValueError(
            f"{where}, weight: expected transforms [I, J, D, E]; got shape {tuple(weight.shape)}; "
            "give one D x E matrix per child and parent"
        )
    types, _, _, child_dim = weight.shape
    if u.shape[2] != child_dim or types == 0 or u.shape[1] % types:
        raise ValueError(
            f"{where}, u: expected [B, {types} (or a multiple of it), {child_dim}] to fit weight "
            f"{tuple(weight.shape)}; got {tuple(u.shape)}; "
            "build the layer for this number and size of children"
        )
    if u.device != weight.device:
        raise ValueError(
            f"{where}, weight: expected the children's device {u.device}; got {weight.device}; "
            "move both to one device"
        )
