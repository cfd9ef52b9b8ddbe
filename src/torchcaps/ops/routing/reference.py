"""The plain path as a backend, and the derivatives that it alone has."""

from dataclasses import replace

import torch
from torch import Tensor

from torchcaps.ops.routing.backend import Problem, agreement, plain_dynamic
from torchcaps.ops.routing.dynamic import dynamic_routing
from torchcaps.ops.routing.result import Capsules
from torchcaps.ops.routing.votes import votes
from torchcaps.ops.transforms import transformed


def run(p: Problem) -> Capsules:
    """Parents by `dynamic_routing`, poses in the wider dtype of `u` and `weight`."""
    u, weight, a = agreement(p)
    r = dynamic_routing(votes(u, weight), a.iterations, bias=a.bias, leaky=a.leaky, detach=a.detach)
    return Capsules(r.poses, r.activations)


def refuses(p: Problem) -> str | None:
    """Why this is not plain dynamic routing; None if it is."""
    if plain_dynamic(p):
        return None
    return "it is for dynamic routing of all children, without prior logits, offsets or matrices"


def only(p: Problem) -> str | None:
    """Why no path with a gradient written by hand can take this problem; None if they can."""
    if not plain_dynamic(p):
        return refuses(p)
    u, weight, a = agreement(p)
    if transformed(u, weight, a.bias):
        return "torch.func and forward-mode derivatives need PyTorch's own operations"
    return None


def must_differentiate(grad_poses: Tensor) -> bool:
    """Whether the gradient of the poses is itself differentiated or vectorised."""
    return torch.is_grad_enabled() or transformed(grad_poses)


def gradients(p: Problem, grad_poses: Tensor) -> tuple[Tensor | None, ...]:
    """Gradients of `u`, `weight` and `bias`, which can be differentiated again."""
    u, weight, a = agreement(p)
    given = [x for x in (u, weight, a.bias) if x is not None]

    def poses(u: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        return run(Problem(u, weight, replace(a, bias=bias))).poses

    pull = torch.func.vjp(poses, *given)[1]
    return (*pull(grad_poses), *[None] * (3 - len(given)))
