"""The plain path as a backend, and the derivatives that it alone has."""

import torch
from torch import Tensor

from torchcaps.ops.routing.backend import Problem
from torchcaps.ops.routing.dynamic import dynamic_routing
from torchcaps.ops.routing.votes import votes
from torchcaps.ops.transforms import transformed


def run(p: Problem) -> Tensor:
    """Parents' poses `[B, J, D]` in the wider dtype of `u` and `weight`."""
    u_hat = votes(p.u, p.weight)
    return dynamic_routing(u_hat, p.iterations, bias=p.bias, leaky=p.leaky, detach=p.detach).poses


def only(p: Problem) -> str | None:
    """Why no path with a gradient written by hand can take this problem; None if they can."""
    if transformed(p.u, p.weight, p.bias):
        return "torch.func and forward-mode derivatives need PyTorch's own operations"
    return None


def must_differentiate(grad_poses: Tensor) -> bool:
    """Whether the gradient of the poses is itself differentiated or vectorised."""
    return torch.is_grad_enabled() or transformed(grad_poses)


def gradients(p: Problem, grad_poses: Tensor) -> tuple[Tensor | None, ...]:
    """Gradients of `u`, `weight` and `bias`, which can be differentiated again."""
    given = [x for x in (p.u, p.weight, p.bias) if x is not None]
    pull = torch.func.vjp(
        lambda u, weight, bias=None: run(p._replace(u=u, weight=weight, bias=bias)), *given
    )[1]
    return (*pull(grad_poses), *[None] * (3 - len(given)))
