"""Routing by agreement without its votes: any device, tile by tile, gradients by hand.

This file is the door: which problems the tiles take, and an operator of PyTorch's own that autograd
and torch.compile know. The mathematics is in dynamic_chunked_passes.
"""

from typing import Any

import torch
from torch import Tensor

from torchcaps.ops.lengths import lengths
from torchcaps.ops.precision import without_autocast
from torchcaps.ops.routing import dynamic_chunked_passes as passes
from torchcaps.ops.routing import reference
from torchcaps.ops.routing.backend import Problem, agreement
from torchcaps.ops.routing.dynamic import Dynamic
from torchcaps.ops.routing.dynamic_chunked_tiles import Gradients, Tiling
from torchcaps.ops.routing.result import Capsules
from torchcaps.ops.squash import squash

# The most couplings that are kept for the gradient; more are computed again.
KEEP = 1 << 24
# Below these the reference is as fast: uses of each transform (images times positions), and votes.
FEW_USES, FEW_VOTES = 16, 1 << 16


def refuses(problem: Problem) -> str | None:
    """Why the tiles cannot take this problem, in a few words; None if they can."""
    if torch.compiler.is_exporting():
        return "an exported program holds PyTorch's own operations only"
    reason = reference.only(problem)
    if reason is None and 0 in (*problem.u.shape[1:], *agreement(problem)[1].shape):
        return "there are no children, no parents, or capsules of no dimensions"
    return reason


def suits(problem: Problem) -> bool:
    """Whether tiles are faster than votes here: cutting them must pay, and be possible."""
    batch, children, _ = problem.u.shape
    types, parents, dim, _ = agreement(problem)[1].shape
    if torch.compiler.is_exporting():
        return False
    return batch * children >= FEW_USES * types and batch * children * parents * dim >= FEW_VOTES


def run(problem: Problem) -> Capsules:
    """Parents, poses in the wider dtype of `u` and `weight`."""
    u, weight, a = agreement(problem)
    iterations, bias, leaky, detach = a.iterations, a.bias, a.leaky, a.detach
    wanted = torch.is_grad_enabled() and any(
        x is not None and x.requires_grad for x in (u, weight, bias)
    )
    couplings = u.shape[0] * u.shape[1] * weight.shape[1]
    keep = wanted and detach and iterations > 1 and couplings <= KEEP
    poses = chunked_route(u, weight, bias, iterations, leaky, detach, keep)[0]
    return Capsules(poses, lengths(poses))


@torch.library.custom_op("torchcaps::chunked_route", mutates_args=())
def chunked_route(
    u: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    iterations: int,
    leaky: bool,
    detach: bool,
    keep: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """`poses [B, J, D]`, and what `passes.forward` keeps for the gradient."""
    if keep and not (detach and iterations > 1):
        raise ValueError(
            "torchcaps::chunked_route, keep: expected a gradient through the last of several "
            f"iterations alone; got detach={detach}, iterations={iterations}; "
            "use torchcaps.ops.route"
        )
    with without_autocast(u.device):
        sums, couplings = passes.forward(u, weight, bias, iterations, leaky, keep)
        poses = squash(sums[-1]).transpose(0, 1).contiguous()
    return poses.to(torch.promote_types(u.dtype, weight.dtype)), sums, couplings


@chunked_route.register_fake
def _(
    u: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    iterations: int,
    leaky: bool,
    detach: bool,
    keep: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    batch, children, _ = u.shape
    _, parents, dim, _ = weight.shape
    dtype = passes.sums_dtype(u, weight)
    return (
        u.new_empty((batch, parents, dim), dtype=torch.promote_types(u.dtype, weight.dtype)),
        u.new_empty((1 if keep else iterations, parents, batch, dim), dtype=dtype),
        u.new_empty(batch * children * parents if keep else 0, dtype=dtype),
    )


@torch.library.custom_op("torchcaps::chunked_route_grad", mutates_args=())
def chunked_route_grad(
    grad_poses: Tensor,
    u: Tensor,
    weight: Tensor,
    sums: Tensor,
    couplings: Tensor,
    leaky: bool,
    detach: bool,
    wants_u: bool,
    wants_weight: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of `u` and `weight`, empty where not wanted, and of the bias `[J, D]`."""
    with without_autocast(u.device):
        grad = grad_poses.transpose(0, 1).to(sums.dtype).contiguous()
        tiles = Tiling(u, weight, sums.dtype, passes=1 if detach else len(sums))
        grads = Gradients(tiles, wants_u, wants_weight)
        grad_bias = passes.backward(grad, sums, couplings, leaky, detach, grads)
        grad_u, grad_weight = grads.finish()
    return _or_empty(grad_u, u), _or_empty(grad_weight, weight), grad_bias


def _or_empty(grad: Tensor | None, like: Tensor) -> Tensor:
    return like.new_empty(0) if grad is None else grad.to(like.dtype)


@chunked_route_grad.register_fake
def _(
    grad_poses: Tensor,
    u: Tensor,
    weight: Tensor,
    sums: Tensor,
    couplings: Tensor,
    leaky: bool,
    detach: bool,
    wants_u: bool,
    wants_weight: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    return (
        u.new_empty(u.shape if wants_u else (0,)),
        weight.new_empty(weight.shape if wants_weight else (0,)),
        sums.new_empty((sums.shape[1], sums.shape[3])),
    )


def _keep(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    u, weight, bias, ctx.iterations, ctx.leaky, ctx.detach, _ = inputs
    ctx.save_for_backward(u, weight, bias, *output[1:])
    ctx.set_materialize_grads(False)


def _backward(ctx: Any, grad_poses: Tensor | None, *_: Any) -> tuple[Tensor | None, ...]:
    if grad_poses is None:
        return (None,) * 7
    u, weight, bias, sums, couplings = ctx.saved_tensors
    if reference.must_differentiate(grad_poses):
        algorithm = Dynamic(
            iterations=ctx.iterations, bias=bias, leaky=ctx.leaky, detach=ctx.detach
        )
        found = reference.gradients(Problem(u, weight, algorithm), grad_poses)
        return (*found, *(None,) * 4)
    wants_u, wants_weight, wants_bias = ctx.needs_input_grad[:3]
    du, dw, dbias = chunked_route_grad(
        grad_poses, u, weight, sums, couplings, ctx.leaky, ctx.detach, wants_u, wants_weight
    )
    return (
        du if wants_u else None,
        dw if wants_weight else None,
        dbias.to(bias.dtype) if wants_bias else None,
        *(None,) * 4,
    )


chunked_route.register_autograd(_backward, setup_context=_keep)
