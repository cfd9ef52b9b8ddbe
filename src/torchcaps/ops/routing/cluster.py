"""Cluster routing: a child counts for as much as its own votes agree."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from jaxtyping import Bool, Float
from torch import Tensor

from torchcaps.ops.routing.algorithm import Children
from torchcaps.ops.routing.result import Routing
from torchcaps.ops.routing.scored import Scored
from torchcaps.ops.routing.whole import route_votes


@dataclass(frozen=True, kw_only=True)
class Cluster(Scored):
    r"""Every child casts K votes for every parent, a cluster; tight clusters weigh more:

    $$ \mu_{ij}, \sigma_{ij} = \text{mean and deviation over } k,\quad
       c_{ij} = \mathrm{softmax}_i(-\log \sigma_{ij}) = \frac{1/\sigma_{ij}}{\sum_l 1/\sigma_{lj}},
       \quad v_j = \mathrm{LayerNorm}\Big(\sum_i c_{ij} \mu_{ij}\Big) $$

    for each element of a pose by itself. Couplings sum to 1 over the *children*; they are
    returned as means over the elements. One pass; `iterations` must be 1.

    Votes are `[B, I, J, K * D]`, vote by vote; poses `[B, J, D]`.

    Fields: `votes_each`, K, at least 2; `least`, a deviation that is added (in squares) to the
    clusters': the authors' code has none and gives NaN for votes that are equal. Others: `Scored`.

    Source: Zhao & Cheng 2021.
    """

    iterations: int = 1
    one_pass: ClassVar = True
    copies: ClassVar = 14
    votes_each: int = 4  # type: ignore[misc] (a constant of other algorithms)
    least: float = 1e-6

    @property
    def sums_over(self) -> Literal["children"]:
        return "children"

    def start(self, zeros: Tensor) -> Tensor:
        return zeros

    def attend(self, children: Children, state: Tensor, t: int) -> Tensor:
        votes = self._votes(children)
        variance = (votes - votes.mean(-2, keepdim=True)).square().mean(-2)
        return (variance + self.least**2).rsqrt()

    def gather(self, children: Children, couplings: Tensor) -> tuple[Tensor, Tensor]:
        if couplings.ndim == 3:  # given from outside, one for all elements
            couplings = couplings.unsqueeze(-1)
        return couplings.sum(1), (couplings * self._votes(children).mean(-2)).sum(1)

    def update(self, statistics: tuple[Tensor, Tensor], state: Tensor, t: int) -> Tensor:
        weight, pulled = statistics
        return self.normalise(pulled / weight.clamp_min(1e-30))

    def show(self, couplings: Tensor) -> Tensor:
        return (couplings / couplings.sum(1, keepdim=True).clamp_min(1e-30)).mean(-1)

    def _votes(self, children: Children) -> Tensor:
        return children.votes.unflatten(-1, (self.votes_each, -1))  # [B, I, J, K, D]


def cluster_routing(
    votes: Float[Tensor, "B I J D"],
    *,
    mask: Bool[Tensor, "B I"] | None = None,
    history: bool = False,
    **fields: Any,
) -> Routing:
    """Route votes by `Cluster(**fields)`: see there, and `route_votes`."""
    return route_votes(Cluster(**fields), votes, mask=mask, history=history)
