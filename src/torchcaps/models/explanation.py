"""How the class capsules of a model came by routing."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from torchcaps.models.receptive_field import ReceptiveField
from torchcaps.nn import DenseCapsules
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
    mask: `[B, I]`, True where there is a child; None where all are there. Those that are not,
        beyond the end of a signal, are zero and send nothing.
    """

    children: Tensor
    votes: Tensor
    couplings: Tensor
    gather: Gather
    field: ReceptiveField
    leaky: bool = False
    mask: Tensor | None = None


def explain_layer(
    layer: DenseCapsules,
    children: Tensor,
    field: ReceptiveField,
    iterations: int | None,
    mask: Tensor | None = None,
) -> Explanation:
    """How `layer` routes these children, with its own number of iterations or another."""
    history = layer.explain(children, iterations, mask=mask).history
    assert history is not None
    each = layer.routing.algorithm().votes_each
    votes = at_least_float32(layer.votes(children)).unflatten(-1, (each, -1)).mean(-2)

    def gather(couplings: Tensor) -> tuple[Tensor, Tensor]:
        return layer.gather(children, couplings, mask=mask)

    leaky = bool(layer.routing.options.get("leaky"))
    return Explanation(children, votes, history, gather, field, leaky, mask)
