"""Routing by agreement on a GPU: votes never leave the registers.

This file is the door: which problems the kernels take, and an operator of PyTorch's own that
autograd, torch.compile and torch.export know. The idea of the kernels is in dynamic_triton_tiles.
Triton is imported when something is routed, and not before.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from torchcaps.ops.routing import reference
from torchcaps.ops.routing.backend import Problem
from torchcaps.ops.routing.dynamic_triton_plan import Plan, outputs

OLDEST_TRITON = (3, 6)
DTYPES = (torch.float32, torch.bfloat16, torch.float16)
# Upper bounds, each with what it protects.
MOST_DIM = 64  # D and E: a tile's registers
MOST_PARENTS = 65_535  # a CUDA grid's second axis
MOST_BATCH = 1_048_576  # the same, 16 images a program
MOST_NUMBERS = 2**31 - 1  # 32-bit offsets


def refuses(problem: Problem) -> str | None:
    """Why the kernels cannot take this problem, in a few words; None if they can."""
    u, weight, bias = problem.u, problem.weight, problem.bias
    _, parents, dim, child_dim = weight.shape
    tensors = [u, weight] if bias is None else [u, weight, bias]
    if not u.is_cuda and not _interpreting:
        return f"it needs a GPU and the children are on {u.device}"
    for tensor in tensors:
        if tensor.device != u.device:
            return f"the children are on {u.device} and other tensors on {tensor.device}"
        if tensor.dtype not in DTYPES:
            return f"it computes in float32 and there is {tensor.dtype}"
    if max(dim, child_dim) > MOST_DIM:
        return f"capsules have {max(dim, child_dim)} dimensions and the kernels at most {MOST_DIM}"
    if parents == 0 or dim == 0 or child_dim == 0:
        return "there are no parents, or capsules of no dimensions"
    if parents > MOST_PARENTS or len(u) > MOST_BATCH:
        return (
            f"at most {MOST_PARENTS:,} parents and {MOST_BATCH:,} images; got {parents}, {len(u)}"
        )
    largest = max(u.numel(), weight.numel(), len(u) * parents * dim)
    if largest > MOST_NUMBERS:
        return f"a tensor holds {largest:,} numbers and offsets have 32 bits"
    return reference.only(problem) or _no_triton()


def run(problem: Problem) -> Tensor:
    """Parents' poses `[B, J, D]` in the wider dtype of `u` and `weight`."""
    u, weight, iterations, bias, leaky, detach = problem
    return triton_route(u, weight, bias, iterations, leaky, detach)[0]


@contextmanager
def interpreted() -> Iterator[None]:
    """Within, CPU tensors are taken too, by Triton's interpreter: slow, for tests.

    Triton compiles or interprets for the life of the process, as it was first imported:
    RuntimeError if that was to compile.
    """
    global _interpreting
    if "triton" not in sys.modules:
        os.environ["TRITON_INTERPRET"] = "1"
    if os.environ.get("TRITON_INTERPRET") != "1":
        raise RuntimeError(
            "interpreted, triton: expected it not imported yet; got one that compiles for a GPU; "
            "set TRITON_INTERPRET=1 before Python starts"
        )
    before, _interpreting = _interpreting, True
    try:
        yield
    finally:
        _interpreting = before


_interpreting = False


def _no_triton() -> str | None:
    try:
        import triton
    except ImportError:
        return "triton is not installed"
    version = tuple(int(part) for part in triton.__version__.split(".")[:2])
    if version < OLDEST_TRITON:
        return f"triton {triton.__version__} is older than {'.'.join(map(str, OLDEST_TRITON))}"
    return None


@torch.library.custom_op("torchcaps::triton_route", mutates_args=())
def triton_route(
    u: Tensor, weight: Tensor, bias: Tensor | None, iterations: int, leaky: bool, detach: bool
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """`poses [B, J, D]` and what the backward pass reads: sums, totals and normalisers."""
    from torchcaps.ops.routing import dynamic_triton_launch as launch

    u, weight = u.contiguous(), weight.contiguous()
    bias = None if bias is None else bias.contiguous()
    if len(u) == 0:
        return outputs(u, weight, iterations)
    with torch.cuda.device_of(u):
        return launch.forward(u, weight, bias, iterations, Plan(u, weight, leaky))


@triton_route.register_fake
def _(
    u: Tensor, weight: Tensor, bias: Tensor | None, iterations: int, leaky: bool, detach: bool
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    return outputs(u, weight, iterations)


@torch.library.custom_op("torchcaps::triton_route_grad", mutates_args=())
def triton_route_grad(
    u: Tensor,
    weight: Tensor,
    sums: Tensor,
    totals: Tensor,
    lse: Tensor,
    grad_poses: Tensor,
    leaky: bool,
    detach: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of `u`, `weight` and, in float32, of the bias `[J, D]`."""
    from torchcaps.ops.routing import dynamic_triton_launch as launch

    u, weight, grad_poses = u.contiguous(), weight.contiguous(), grad_poses.contiguous()
    if len(u) == 0:
        return torch.zeros_like(u), torch.zeros_like(weight), sums.new_zeros(sums.shape[2:])
    with torch.cuda.device_of(u):
        plan = Plan(u, weight, leaky)
        return launch.backward(u, weight, sums, totals, lse, grad_poses, detach, plan)


@triton_route_grad.register_fake
def _(
    u: Tensor,
    weight: Tensor,
    sums: Tensor,
    totals: Tensor,
    lse: Tensor,
    grad_poses: Tensor,
    leaky: bool,
    detach: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    return u.new_empty(u.shape), weight.new_empty(weight.shape), sums.new_empty(sums.shape[2:])


def _keep(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    u, weight, bias, ctx.iterations, ctx.leaky, ctx.detach = inputs
    ctx.save_for_backward(u, weight, bias, *output[1:])
    ctx.set_materialize_grads(False)


def _backward(ctx: Any, grad_poses: Tensor | None, *_: Any) -> tuple[Tensor | None, ...]:
    if grad_poses is None:
        return (None,) * 6
    u, weight, bias, sums, totals, lse = ctx.saved_tensors
    if reference.must_differentiate(grad_poses):
        problem = Problem(u, weight, ctx.iterations, bias, ctx.leaky, ctx.detach)
        return (*reference.gradients(problem, grad_poses), *(None,) * 3)
    du, dw, dbias = triton_route_grad(
        u, weight, sums, totals, lse, grad_poses, ctx.leaky, ctx.detach
    )
    return du, dw, None if bias is None else dbias.to(bias.dtype), None, None, None


triton_route.register_autograd(_backward, setup_context=_keep)
