"""Routing by self-attention among the votes (Efficient-CapsNet)."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from jaxtyping import Bool, Float
from torch import Tensor

from torchcaps.ops.lengths import lengths
from torchcaps.ops.routing.algorithm import Algorithm, Children, over_parents
from torchcaps.ops.routing.moments import agreement, weighted
from torchcaps.ops.routing.result import Routing
from torchcaps.ops.routing.whole import route_votes
from torchcaps.ops.squash import unit_squash

# Sums of votes beyond this are shortened, so that products of two votes stay finite in float32.
REACH = 1e18


@dataclass(frozen=True, kw_only=True)
class SelfAttention(Algorithm):
    r"""Every vote is weighted by its agreement with the sum of all votes for its parent:

    $$ c_i = \mathrm{softmax}_j\Big(\hat u_{ij} \cdot \sum_l \hat u_{lj} / \sqrt{D}\Big) + b_{ij},
       \quad v_j = \mathrm{unit\_squash}\Big(\sum_i c_{ij} \hat u_{ij}\Big) $$

    Fields: `prior [I, J]`, b, added after the softmax, as the authors' code does (the paper writes
    it so too); couplings then need not sum to 1. `iterations` must be 1: two passes over the
    children.

    Source: Mazzia, Salvetti & Chiaberge 2021, eq. 3 to 5.
    """

    iterations: int = 1
    one_pass: ClassVar = True
    prior: Tensor | None = None
    of_children: ClassVar = ("prior",)

    @property
    def passes(self) -> int:
        return 2

    @property
    def sums_over(self) -> Literal["parents"] | None:
        return "parents" if self.prior is None else None

    @classmethod
    def shapes(cls, children: int, parents: int, dim: int, child_dim: int) -> dict[str, Any]:
        return {"prior": (children, parents)}

    def start(self, zeros: Tensor) -> Tensor:
        return zeros

    def attend(self, children: Children, state: Tensor, t: int) -> Tensor:
        votes = children.votes
        if t == 0:
            return votes.new_ones(votes.shape[:3])
        longest = state.detach().abs().amax(-1, keepdim=True)
        near = state * (REACH / longest.clamp_min(REACH)) / votes.shape[-1] ** 0.5
        couplings = over_parents(agreement(votes, near))
        return couplings if self.prior is None else couplings + self.prior

    def gather(self, children: Children, couplings: Tensor) -> Tensor:
        return weighted(couplings, children.votes)

    def update(self, statistics: Tensor, state: Tensor, t: int) -> Tensor:
        return statistics if t == 0 else unit_squash(statistics)

    def finish(self, state: Tensor) -> tuple[Tensor, Tensor]:
        return state, lengths(state)


def self_attention_routing(
    votes: Float[Tensor, "B I J D"],
    *,
    mask: Bool[Tensor, "B I"] | None = None,
    history: bool = False,
    **fields: Any,
) -> Routing:
    """Route votes by `SelfAttention(**fields)`: see there, and `route_votes`."""
    return route_votes(SelfAttention(**fields), votes, mask=mask, history=history)
