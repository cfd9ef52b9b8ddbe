"""Routing by agreement on a GPU: votes never leave the registers.

This file is the door: which problems the kernels take, and an operator of PyTorch's own that
autograd, torch.compile and torch.export know. The idea of the kernels is in dynamic_triton_tiles.
Triton is imported when something is routed, and not before.
"""

import functools
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from torchcaps.ops.lengths import lengths
from torchcaps.ops.routing import reference
from torchcaps.ops.routing.backend import Problem, agreement
from torchcaps.ops.routing.dynamic import Dynamic
from torchcaps.ops.routing.dynamic_triton_plan import Plan, outputs
from torchcaps.ops.routing.result import Capsules

OLDEST_TRITON = (3, 6)
DTYPES = (torch.float32, torch.bfloat16, torch.float16)
# Upper bounds, each with what it protects.
MOST_DIM = 64  # D and E: a tile's registers
MOST_PARENTS = 65_535  # a CUDA grid's second axis
MOST_BATCH = 1_048_576  # the same, 16 images a program
MOST_NUMBERS = 2**31 - 1  # 32-bit offsets


def refuses(problem: Problem) -> str | None:
    """Why the kernels cannot take this problem, in a few words; None if they can."""
    reason = reference.only(problem)
    if reason is not None:
        return reason
    u, weight, algorithm = agreement(problem)
    bias = algorithm.bias
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
    return _no_triton()


def run(problem: Problem) -> Capsules:
    """Parents, poses in the wider dtype of `u` and `weight`."""
    u, weight, a = agreement(problem)
    poses = triton_route(u, weight, a.bias, a.iterations, a.leaky, a.detach)[0]
    return Capsules(poses, lengths(poses))


@functools.cache
def agrees(device: torch.device) -> bool:
    """Whether the kernels, values and gradients, agree with the plain path on a small problem on
    this device; computed once a process. "auto" does not take kernels that do not."""
    generator = torch.Generator().manual_seed(0)
    sizes = ((4, 37, 8), (37, 5, 16, 8))
    drawn = [torch.randn(size, generator=generator).to(device) for size in sizes]
    found = []
    for way in (run, reference.run):
        with torch.enable_grad():
            leaves = [x.clone().requires_grad_() for x in drawn]
            poses = way(Problem(leaves[0], leaves[1], Dynamic())).poses
            poses.square().sum().backward()
        found.append([poses.detach(), *(x.grad for x in leaves)])
    pairs = zip(*found, strict=True)
    same = all(torch.allclose(a, b, rtol=1e-2, atol=1e-2 * b.abs().max().item()) for a, b in pairs)
    if not same:
        warnings.warn(
            f"routing without the triton path: on {device} its results differ from the plain "
            "path's; please report this with your GPU and the versions of torch and triton",
            stacklevel=2,
        )
    return same


def suits(problem: Problem) -> bool:
    """Whether "auto" should ask for the kernels: on a GPU where they were seen to be right."""
    if not problem.u.is_cuda or torch.compiler.is_compiling() or refuses(problem) is not None:
        return problem.u.is_cuda
    return agrees(problem.u.device)


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
        algorithm = Dynamic(
            iterations=ctx.iterations, bias=bias, leaky=ctx.leaky, detach=ctx.detach
        )
        found = reference.gradients(Problem(u, weight, algorithm), grad_poses)
        return (*found, *(None,) * 3)
    du, dw, dbias = triton_route_grad(
        u, weight, sums, totals, lse, grad_poses, ctx.leaky, ctx.detach
    )
    return du, dw, None if bias is None else dbias.to(bias.dtype), None, None, None


triton_route.register_autograd(_backward, setup_context=_keep)
