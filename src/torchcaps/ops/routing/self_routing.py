"""Self-routing: each child decides by itself where it goes."""

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from torchcaps.ops.routing.algorithm import Algorithm, Children
from torchcaps.ops.routing.moments import over, weighted
from torchcaps.ops.routing.result import Routing
from torchcaps.ops.routing.whole import route_votes


@dataclass(frozen=True, kw_only=True)
class SelfRouting(Algorithm):
    r"""A small router of each child reads its pose; no agreement, one pass:

    $$ c_i = \mathrm{softmax}_j(W^r_i u_i + b^r_i),\quad
       a_j = \frac{\sum_i c_{ij} a_i}{\sum_i a_i},\quad
       v_j = \frac{\sum_i c_{ij} a_i \hat u_{ij}}{\sum_i c_{ij} a_i} $$

    Activations of the parents sum to 1: they are class probabilities. Where all children are
    silent, activations and poses are 0 (the authors' code: NaN).

    Fields: `router [I, J, E]`, `router_bias [I, J]`, both starting at 0 in the authors' code.
    `iterations` must be 1.

    Source: Hahn, Pyeon & Kim 2019, eq. 4 to 7.
    """

    iterations: int = 1
    one_pass: ClassVar = True
    router: Tensor
    router_bias: Tensor | None = None
    of_children: ClassVar = ("router", "router_bias")
    needs: ClassVar = ("activations", "u")

    @classmethod
    def shapes(cls, children: int, parents: int, dim: int, child_dim: int) -> dict[str, Any]:
        return {
            "router": (children, parents, child_dim),
            "router_bias": (children, parents),
        }

    def start(self, zeros: Tensor) -> tuple[Tensor, Tensor]:
        return zeros, zeros.sum(-1)

    def agree(self, children: Children, state: Any, t: int) -> Tensor:
        assert children.u is not None
        router = self.router.expand(children.u.shape[1], -1, -1)
        logits = torch.einsum("bie,ije->bij", children.u, router)
        return logits if self.router_bias is None else logits + self.router_bias

    def gather(self, children: Children, couplings: Tensor) -> Any:
        assert children.activations is not None
        shares = couplings * children.activations.unsqueeze(-1)
        return weighted(shares, children.votes), shares.sum(1), children.activations.sum(1)

    def update(self, statistics: Any, state: Any, t: int) -> tuple[Tensor, Tensor]:
        pulled, mass, total = statistics
        return over(pulled, mass.unsqueeze(-1)), over(mass, total.unsqueeze(-1))

    def finish(self, state: Any) -> tuple[Tensor, Tensor]:
        return state


def self_routing(
    u: Float[Tensor, "B I E"],
    activations: Float[Tensor, "B I"],
    votes: Float[Tensor, "B I J D"],
    *,
    mask: Bool[Tensor, "B I"] | None = None,
    history: bool = False,
    **fields: Any,
) -> Routing:
    """Route votes by `SelfRouting(**fields)`, which reads the children's poses u: see there."""
    return route_votes(SelfRouting(**fields), votes, activations, u=u, mask=mask, history=history)
