"""Windows whose children are divided among all parents that see them, whatever their position."""

import torch
from jaxtyping import Float
from torch import Tensor

from torchcaps.ops.precision import without_autocast
from torchcaps.ops.routing.algorithm import Algorithm, Children, uniform
from torchcaps.ops.routing.backend import TRANSFORMS, Problem
from torchcaps.ops.routing.engines import widened
from torchcaps.ops.routing.result import Capsules
from torchcaps.ops.routing.whole import present


def route_positions(p: Problem) -> Capsules:
    """Parents of windows, `[B * P, J, D]`. Couplings of a child are the softmax over all parents
    and all positions whose windows hold it; all votes are held at once.

    Source: Hinton, Sabour & Frosst 2018, section 4 (children of several windows).
    """
    check_positions(p.algorithm)
    assert p.windows is not None
    given, dtype = widened(p.unfolded())
    with without_autocast(p.u.device):
        votes = given.votes(TRANSFORMS[p.transform])
        children = present(Children(votes, given.activations, given.u), given.mask)
        algorithm = p.algorithm.to(votes.dtype)
        who, count = _children(p)
        state = algorithm.start(votes.new_zeros(len(votes), *votes.shape[2:]))
        for t in range(algorithm.passes):
            logits = algorithm.agree(children, state, t)
            if logits is None:
                couplings = uniform(children)
            else:
                logits = logits.unflatten(0, (p.u.shape[0], -1))
                couplings = _divide(logits, who, count, algorithm.types_compete).flatten(0, 1)
            if given.mask is not None:
                couplings = couplings.masked_fill(~given.mask.unsqueeze(-1), 0)
            state = algorithm.update(algorithm.gather(children, couplings), state, t)
        poses, sure = algorithm.finish(state)
    return Capsules(poses.to(dtype), sure)


def check_positions(algorithm: Algorithm) -> None:
    """Raise a `ValueError` for couplings that are no softmax over the parents."""
    if not algorithm.competes:
        raise ValueError(
            f"route_windows, compete_over: expected 'types' with {type(algorithm).__name__}, whose "
            "couplings are not (or, with these options, not only) a softmax over the parents; got "
            "'positions'; take dynamic routing without leaky, or EM"
        )


def _children(p: Problem) -> tuple[Tensor, int]:
    """Which child of the map stands at each place of each window, `[P * I]`, of how many."""
    assert p.windows is not None
    shape = p.u.shape[1:-1]
    count = shape.numel()
    each = torch.arange(count, device=p.u.device).reshape(1, *shape)
    return p.windows.all_rows(each).flatten(), count


def _divide(
    logits: Float[Tensor, "B P I J"], who: Tensor, count: int, types_compete: bool
) -> Float[Tensor, "B P I J"]:
    """The softmax of each child's logits over all its places, and over the parents of each unless
    these do not compete."""
    here = logits.flatten(1, 2)  # [B, P * I, J or 1]
    if types_compete:
        here = here.logsumexp(-1, keepdim=True)
    who = who.unsqueeze(-1).expand_as(here)
    shape = (len(here), count, here.shape[-1])
    most = here.new_full(shape, -torch.inf)
    most = most.scatter_reduce(1, who, here.detach(), "amax").gather(1, who)
    total = here.new_zeros(shape).scatter_add(1, who, (here - most).exp())
    whole = most + total.gather(1, who).log()
    return (logits - whole.unflatten(1, logits.shape[1:3])).exp()
