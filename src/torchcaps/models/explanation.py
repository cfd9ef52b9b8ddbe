"""How the class capsules of a model came by routing."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from torchcaps.models.receptive_field import ReceptiveField
from torchcaps.nn import DenseCapsules
from torchcaps.ops import Capsules
from torchcaps.ops.precision import at_least_float32

# Couplings [..., B, I, J] to what they make of the votes: poses [..., B, J, D], scores [..., B, J].
Gather = Callable[[Tensor], tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class Explanation:
    """The routing of B images.

    children: `[B, I, E]`, by type, then row by row.
    votes: `[B, I, J, D]`, as routing compares them; where a child casts several, their mean.
    couplings: `[R, B, I, J]` of every iteration. A child's need not sum to one in every routing.
    gather: what parents and scores any couplings make of these votes; poses are in the space of
        the votes.
    field: which pixels each child sees.
    leaky: part of a child's couplings may go to no parent.
    sums_over: what couplings add up to 1 over; None where they need not.
    mask: `[B, I]`, True where there is a child; None where all are there. Those that are not,
        beyond the end of a signal, are zero and send nothing.
    """

    children: Tensor
    votes: Tensor
    couplings: Tensor
    gather: Gather
    field: ReceptiveField
    leaky: bool = False
    sums_over: Literal["parents", "children"] | None = "parents"
    mask: Tensor | None = None


def explain_layer(
    layer: DenseCapsules,
    children: Tensor | Capsules,
    field: ReceptiveField,
    iterations: int | None,
    mask: Tensor | None = None,
) -> Explanation:
    """How `layer` routes these children, with its own number of iterations or another."""
    history = layer.explain(children, iterations, mask=mask).history
    assert history is not None
    algorithm = layer.routing.algorithm()
    each = (algorithm.votes_each, -1)
    u = children.poses if isinstance(children, Capsules) else children
    votes = at_least_float32(layer.votes(u)).unflatten(-1, each).mean(-2)

    def gather(couplings: Tensor) -> tuple[Tensor, Tensor]:
        return layer.gather(children, couplings, mask=mask)

    leaky = bool(layer.routing.options.get("leaky"))
    return Explanation(u, votes, history, gather, field, leaky, algorithm.sums_over, mask)
