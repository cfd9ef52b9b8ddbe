"""The engine that has all votes at once: plain autograd, every transform, every device."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from torchcaps.ops.precision import at_least_float32, without_autocast
from torchcaps.ops.routing.algorithm import Algorithm, Children, Parents
from torchcaps.ops.routing.result import Routing


def route_votes(
    algorithm: Algorithm,
    votes: Float[Tensor, "B I J D"],
    activations: Float[Tensor, "B I"] | None = None,
    *,
    u: Float[Tensor, "B I E"] | None = None,
    mask: Bool[Tensor, "B I"] | None = None,
    history: bool = False,
) -> Routing:
    """Route ready-made votes by any algorithm, all of them at once.

    Args:
        algorithm: a `Dynamic`, `EM`, ... with its parameters.
        votes: `[B, I, J, D]`.
        activations: `[B, I]` in [0, 1], of the children; needed by some algorithms.
        u: `[B, I, E]`, the children's poses, for algorithms that route by them.
        mask: `[B, I]`, True where there is a child; what stands elsewhere changes nothing.
        history: also return the couplings of every iteration.

    Returns:
        `Routing(poses, activations, couplings, history)`. Half precision is routed in float32;
        the poses come back in the votes' dtype, the rest in float32.
    """
    check_votes(algorithm, votes, activations, u, mask)
    with without_autocast(votes.device):
        activations, u = (None if x is None else at_least_float32(x) for x in (activations, u))
        children = present(Children(at_least_float32(votes), activations, u), mask)
        algorithm = algorithm.to(children.votes.dtype)
        batch, _, parents, dim = votes.shape
        state = algorithm.start(children.votes.new_zeros(batch, parents, dim))
        trace = []
        for t in range(algorithm.passes):
            statistics, couplings = one_pass(algorithm, children, mask, state, t)
            trace.append(algorithm.show(couplings))
            state = algorithm.update(statistics, state, t)
        poses, sure = algorithm.finish(state)
    kept = torch.stack(trace[-algorithm.iterations :]) if history else None
    return Routing(poses.to(votes.dtype), sure, trace[-1], kept)


def one_pass(
    algorithm: Algorithm, children: Children, mask: Tensor | None, state: Parents, t: int
) -> tuple[Parents, Tensor]:
    """Statistics and couplings of these children."""
    couplings = algorithm.attend(children, state, t)
    if mask is not None:
        couplings = couplings.masked_fill(~mask.unflatten(1, (-1, *[1] * (couplings.ndim - 2))), 0)
    return algorithm.gather(children, couplings), couplings


def present(children: Children, mask: Tensor | None) -> Children:
    """The children with zeros where `mask` has none, whatever stood there; activations 1 elsewhere
    if there were none, so that no algorithm counts who is not there."""
    if mask is None:
        return children
    if children.activations is None:
        children = children._replace(activations=mask.to(children.votes.dtype))
    gone = ~mask
    votes, activations, u = children
    return Children(
        votes.masked_fill(gone[..., None, None], 0),
        activations if activations is None else activations.masked_fill(gone, 0),
        u if u is None else u.masked_fill(gone[..., None], 0),
    )


def check_votes(
    algorithm: Algorithm,
    votes: Tensor,
    activations: Tensor | None,
    u: Tensor | None,
    mask: Tensor | None,
) -> None:
    """Raise a `ValueError` unless the pieces fit each other and the algorithm."""
    who = type(algorithm).__name__
    if votes.ndim != 4:
        raise ValueError(
            f"{who}, votes: expected [B, I, J, D]; got {votes.ndim} axes; "
            "make votes with torchcaps.ops.votes(u, weight)"
        )
    check_each(who, "activations", activations, votes)
    check_mask(who, mask, votes)
    for name, given in (("activations", activations), ("u", u)):
        if name in algorithm.needs and given is None:
            raise ValueError(
                f"{who}, {name}: expected {'[B, I]' if name == 'activations' else '[B, I, E]'}; "
                f"got none; this algorithm routes by the children's {name}"
            )
    _, children_, parents, dim = votes.shape
    algorithm.check(children_, parents, dim, None if u is None else u.shape[-1])


def check_mask(who: str, mask: Tensor | None, children: Tensor) -> None:
    """Raise a `ValueError` unless there is no mask, or a bool for each of `children [B, I, ..]`."""
    check_each(who, "mask", mask, children)
    if mask is not None and mask.dtype != torch.bool:
        raise ValueError(
            f"{who}, mask: expected bool, True where there is a child; got {mask.dtype}; "
            "compare or cast it first"
        )


def check_each(who: str, name: str, given: Tensor | None, children: Tensor) -> None:
    """Raise a `ValueError` unless nothing is given, or one for each of `children [B, I, ...]`."""
    if given is not None and given.shape != children.shape[:2]:
        raise ValueError(
            f"{who}, {name}: expected one for each child, shape {tuple(children.shape[:2])}; "
            f"got {tuple(given.shape)}; give [B, I], as the children are [B, I, E]"
        )
