"""Dynamic routing on the contract of every algorithm."""

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from torchcaps.ops.lengths import lengths
from torchcaps.ops.routing.algorithm import Algorithm, Children
from torchcaps.ops.routing.dynamic import routing_softmax
from torchcaps.ops.routing.moments import weighted
from torchcaps.ops.squash import squash


@dataclass(frozen=True, kw_only=True)
class Dynamic(Algorithm):
    r"""Routing by agreement: `dynamic_routing` without logits of the children.

    The logits are linear in the poses, so the sum of the poses so far is all the state there is:

    $$ c_i = \mathrm{softmax}_j\Big(\beta^0_{ij} + \hat u_{ij} \cdot \sum_{r<t} v_j^r\Big),\quad
       v_j^t = \mathrm{squash}\Big(\sum_i c_{ij} \hat u_{ij} + \beta_j\Big) $$

    Fields: `bias [J, D]`; `prior [I, J]`, logits before any agreement, zero in Sabour et al. 2017
    (section 2 allows them to be learnt); `leaky`, `detach`: see `dynamic_routing`.
    """

    bias: Tensor | None = None
    prior: Tensor | None = None
    leaky: bool = False
    detach: bool = True
    of_children: ClassVar = ("prior",)

    @classmethod
    def shapes(cls, children: int, parents: int, dim: int, child_dim: int) -> dict[str, Any]:
        return {"bias": (parents, dim), "prior": (children, parents)}

    def start(self, zeros: Tensor) -> tuple[Tensor, Tensor]:
        return zeros, zeros

    def attend(self, children: Children, state: tuple[Tensor, Tensor], t: int) -> Tensor:
        votes, total = children.votes, state[0]
        if self.detach:
            votes, total = votes.detach(), total.detach()
        logits = torch.einsum("bijd,bjd->bij", votes, total)
        return routing_softmax(logits if self.prior is None else logits + self.prior, self.leaky)

    def gather(self, children: Children, couplings: Tensor) -> Tensor:
        return weighted(couplings, children.votes)

    def update(self, statistics: Tensor, state: tuple[Tensor, Tensor], t: int) -> Any:
        poses = squash(statistics if self.bias is None else statistics + self.bias)
        return state[0] + poses, poses

    def finish(self, state: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        return state[1], lengths(state[1])
