"""Inverted dot-product attention: parents attend, children choose."""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from torchcaps.ops.routing.algorithm import Children
from torchcaps.ops.routing.moments import weighted
from torchcaps.ops.routing.result import Routing
from torchcaps.ops.routing.scored import Scored
from torchcaps.ops.routing.whole import route_votes


@dataclass(frozen=True, kw_only=True)
class InvertedAttention(Scored):
    r"""Children attend to the parents' poses, which are normalised and not squashed:

    $$ c_i = \mathrm{softmax}_j\big(\hat u_{ij} \cdot p_j / \sqrt{D}\big),\quad
       p_j = \mathrm{LayerNorm}\Big(\sum_i c_{ij} \hat u_{ij}\Big) $$

    The first couplings are 1/J; `iterations` counts them too. Fields: see `Scored`; the authors'
    network ends in that same shared score.

    Source: Tsai, Srivastava, Goh & Salakhutdinov 2020. The authors' code also divides the
    couplings by their sum plus 1e-10, which changes nothing.
    """

    iterations: int = 2

    def start(self, zeros: Tensor) -> Tensor:
        return zeros

    def agree(self, children: Children, state: Tensor, t: int) -> Tensor | None:
        if t == 0:
            return None
        asked = state / state.shape[-1] ** 0.5
        return torch.einsum("bijd,bjd->bij", children.votes, asked)

    def gather(self, children: Children, couplings: Tensor) -> Tensor:
        return weighted(couplings, children.votes)

    def update(self, statistics: Tensor, state: Tensor, t: int) -> Tensor:
        return self.normalise(statistics)


def inverted_attention_routing(
    votes: Float[Tensor, "B I J D"],
    *,
    mask: Bool[Tensor, "B I"] | None = None,
    history: bool = False,
    **fields: Any,
) -> Routing:
    """Route votes by `InvertedAttention(**fields)`: see there, and `route_votes`."""
    return route_votes(InvertedAttention(**fields), votes, mask=mask, history=history)
