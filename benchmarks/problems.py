"""Routing problems of given sizes, the ways to solve them, and their error against float64."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from ledger import NotRun
from torchcaps.ops import dynamic_routing, route, squash, votes
from torchcaps.ops.routing.backend import BACKENDS, Problem
from torchcaps.ops.routing.dynamic import Dynamic

TOLERANCE = {"float32": 1e-5, "bfloat16": 1e-2, "float16": 1e-2}
CHECKED_IMAGES = 8


class Case(NamedTuple):
    """A problem of dynamic routing, piece by piece."""

    u: Tensor
    weight: Tensor
    iterations: int
    bias: Tensor | None
    leaky: bool
    detach: bool

    @property
    def problem(self) -> Problem:
        options = {"bias": self.bias, "leaky": self.leaky, "detach": self.detach}
        return Problem(self.u, self.weight, Dynamic(iterations=self.iterations, **options))


Way = Callable[[Case], Tensor]


class Sizes(NamedTuple):
    """Letters of the library; `positions` children share a transform."""

    B: int
    I: int
    J: int = 10
    D: int = 16
    E: int = 8
    positions: int = 1


def draw(
    sizes: Sizes,
    dtype: str,
    device: torch.device,
    seed: int,
    *,
    bias: bool = False,
    leaky: bool = False,
    detach: bool = True,
) -> tuple[Case, Tensor]:
    """A random problem and a random gradient of its poses."""
    generator = torch.Generator(device).manual_seed(seed)

    def normal(*shape: int, scale: float = 1.0) -> Tensor:
        x = torch.randn(shape, generator=generator, device=device) * scale
        return x.to(getattr(torch, dtype))

    b, i, j, d, e, positions = sizes
    # Children as long as squashed ones; transforms that make parents of length about one half.
    u = normal(b, i, e, scale=0.5 * e**-0.5).requires_grad_()
    weight = normal(i // positions, j, d, e, scale=2 * j * (i * d) ** -0.5).requires_grad_()
    offset = normal(j, d, scale=0.1).requires_grad_() if bias else None
    return Case(u, weight, 3, offset, leaky, detach), normal(b, j, d)


def textbook(p: Case) -> Tensor:
    """As most public code has it: one broadcast product for every child and image."""
    shared = p.u.shape[1] // len(p.weight)
    weight = p.weight.repeat_interleave(shared, 0) if shared > 1 else p.weight
    u_hat = torch.matmul(weight[None], p.u[:, :, None, :, None])[..., 0]  # [b i j d]
    still = u_hat.detach() if p.detach else u_hat
    logits = torch.zeros_like(still[..., 0])
    for _ in range(p.iterations - 1):
        poses = squash((logits.softmax(-1)[..., None] * still).sum(1))
        logits = logits + (still * poses[:, None]).sum(-1)
    return squash((logits.softmax(-1)[..., None] * u_hat).sum(1))


def eager(p: Case) -> Tensor:
    u_hat = votes(p.u, p.weight)
    return dynamic_routing(u_hat, p.iterations, bias=p.bias, leaky=p.leaky, detach=p.detach).poses


def ways() -> dict[str, Way]:
    """Every way to route, by name; `compiled` is `eager` under torch.compile."""
    torch.compiler.reset()
    backends = {name: through(name) for name in ("chunked", "triton")}
    compiled = torch.compile(eager, dynamic=False)
    return {"textbook": textbook, "eager": eager, "compiled": compiled, **backends}


def through(backend: str) -> Way:
    """`route` by one backend; NotRun with the backend's reason where it refuses."""

    def run(p: Case) -> Tensor:
        reason = BACKENDS[backend].refuses(p.problem)
        if reason:
            raise NotRun(reason)
        return route(
            p.u, p.weight, p.iterations, bias=p.bias, leaky=p.leaky, detach=p.detach,
            backend=backend,
        )  # fmt: skip

    return run


def gradients(p: Case, way: Way, towards: Tensor) -> list[Tensor]:
    """Poses, then the gradients of u, weight and bias."""
    poses = way(p)
    leaves = [x for x in (p.u, p.weight, p.bias) if x is not None]
    return [poses.detach(), *torch.autograd.grad(poses, leaves, towards.to(poses.dtype))]


def errors(p: Case, way: Way, towards: Tensor) -> dict[str, float]:
    """Relative errors against the float64 reference, seen through a few images.

    Only these are given a gradient: what the whole launch then answers is compared with a
    reference small enough to compute. NaN where nothing was written.
    """
    few = towards.clone()
    few[CHECKED_IMAGES:] = 0
    poses, grad_u, *others = gradients(p, way, few)
    found = [poses[:CHECKED_IMAGES], grad_u[:CHECKED_IMAGES], *others]
    exact = Case(
        p.u[:CHECKED_IMAGES].detach().double().requires_grad_(),
        p.weight.detach().double().requires_grad_(),
        p.iterations,
        None if p.bias is None else p.bias.detach().double().requires_grad_(),
        p.leaky,
        p.detach,
    )
    expected = gradients(exact, eager, few[:CHECKED_IMAGES].double())
    names = ("poses", "grad_u", "grad_weight", "grad_bias")
    return {
        f"error_{name}": float((ours.double() - right).norm() / right.norm())
        for name, ours, right in zip(names, found, expected, strict=False)
    }


def passed(found: dict[str, float], dtype: str) -> bool:
    return all(error < TOLERANCE[dtype] for error in found.values())
