"""Controls: couplings that no agreement changes."""

from dataclasses import dataclass
from typing import Any, ClassVar

from jaxtyping import Bool, Float
from torch import Tensor

from torchcaps.ops.lengths import lengths
from torchcaps.ops.routing.algorithm import Algorithm, Children
from torchcaps.ops.routing.moments import weighted
from torchcaps.ops.routing.result import Routing
from torchcaps.ops.routing.whole import route_votes
from torchcaps.ops.squash import squash


@dataclass(frozen=True, kw_only=True)
class FixedCouplings(Algorithm):
    r"""No routing: $v_j = \mathrm{squash}\big(\sum_i c_{ij} \hat u_{ij} + \beta_j\big)$ with the
    same couplings for every image, $c_i = \mathrm{softmax}_j(\ell_i)$, or 1/J without logits.

    With transforms shared over all children and no logits this is the layer of Gu & Tresp 2020
    (Aff-CapsNet). With random logits it is the control of Paik et al. 2019.

    Fields: `logits [I, J]`; `bias [J, D]`. `iterations` has no meaning and must be 1.
    """

    iterations: int = 1
    one_pass: ClassVar = True
    logits: Tensor | None = None
    bias: Tensor | None = None
    of_children: ClassVar = ("logits",)

    @classmethod
    def shapes(cls, children: int, parents: int, dim: int, child_dim: int) -> dict[str, Any]:
        return {"logits": (children, parents), "bias": (parents, dim)}

    def start(self, zeros: Tensor) -> Tensor:
        return zeros

    def agree(self, children: Children, state: Tensor, t: int) -> Tensor | None:
        if self.logits is None:
            return None
        return self.logits.expand(children.votes.shape[:3])

    def gather(self, children: Children, couplings: Tensor) -> Tensor:
        return weighted(couplings, children.votes)

    def update(self, statistics: Tensor, state: Tensor, t: int) -> Tensor:
        return squash(statistics if self.bias is None else statistics + self.bias)

    def finish(self, state: Tensor) -> tuple[Tensor, Tensor]:
        return state, lengths(state)


def fixed_couplings_routing(
    votes: Float[Tensor, "B I J D"],
    *,
    mask: Bool[Tensor, "B I"] | None = None,
    history: bool = False,
    **fields: Any,
) -> Routing:
    """Route votes by `FixedCouplings(**fields)`: see there, and `route_votes`."""
    return route_votes(FixedCouplings(**fields), votes, mask=mask, history=history)
