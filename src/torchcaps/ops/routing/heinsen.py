"""Heinsen's routing of 2019: data used, data ignored."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

from torchcaps.ops.routing.algorithm import Algorithm, Children
from torchcaps.ops.routing.gaussian import bounded_variance, distances, log_normal
from torchcaps.ops.routing.moments import Moments
from torchcaps.ops.routing.result import Routing
from torchcaps.ops.routing.whole import route_votes


@dataclass(frozen=True, kw_only=True)
class Heinsen(Algorithm):
    r"""EM whose activations weigh the benefit of data that a parent uses against the cost of what
    it ignores:

    $$ D^{use}_{ij} = a_i R_{ij},\quad D^{ign}_{ij} = a_i - D^{use}_{ij},\quad
       \ell_j = \sum_i \beta^{use}_{ij} D^{use}_{ij} - \beta^{ign}_{ij} D^{ign}_{ij},\quad
       a_j = \mathrm{sigmoid}(\ell_j) $$
    $$ \mu_j, \sigma_j^2 = \text{mean and variance under } D^{use},\quad
       R_i = \mathrm{softmax}_j\big(\log a_j + \log N(\hat u_{ij}; \mu_j, \sigma_j^2)\big) $$

    with $R = 1/J$ at first; `eps` is added to the mass below mean and variance and to the variance.

    Fields: `beta_use`, `beta_ign [I, J]` (or `[1, J]`, the same for all children; `beta_ign` None:
    equal to `beta_use`). `kernel`: "gaussian", or "distance", which takes minus the squared
    distance for the log density.

    Source: Heinsen 2019. There activations in and out are logits; here probabilities.
    """

    beta_use: Tensor
    beta_ign: Tensor | None = None
    kernel: Literal["gaussian", "distance"] = "gaussian"
    eps: float = 1e-5
    of_children: ClassVar = ("beta_use", "beta_ign")
    needs: ClassVar = ("activations",)
    copies: ClassVar = 14
    choices: ClassVar = {"kernel": ("gaussian", "distance")}

    @classmethod
    def shapes(cls, children: int, parents: int, dim: int, child_dim: int) -> dict[str, Any]:
        return {"beta_use": (children, parents), "beta_ign": (children, parents)}

    def start(self, zeros: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return zeros, zeros + 1, zeros.sum(-1)

    def agree(self, children: Children, state: Any, t: int) -> Tensor | None:
        if t == 0:
            return None
        mean, variance, logit = state
        if self.kernel == "distance":
            log_density = -distances(children.votes, mean, torch.ones_like(variance))
        else:
            log_density = log_normal(children.votes, mean, variance)
        return F.logsigmoid(logit).unsqueeze(1) + log_density

    def gather(self, children: Children, couplings: Tensor) -> tuple[Moments, Tensor]:
        assert children.activations is not None
        there = children.activations.unsqueeze(-1)
        used = couplings * there
        cost = self.beta_use if self.beta_ign is None else self.beta_ign
        net = (self.beta_use * used - cost * (there - used)).sum(1)
        return Moments.of(children.votes, used), net

    def update(self, statistics: tuple[Moments, Tensor], state: Any, t: int) -> Any:
        moments, logit = statistics
        kept = moments.mass + self.eps
        mean = moments.mean * (moments.mass / kept)
        return mean, bounded_variance(moments.about(mean), kept) + self.eps, logit

    def finish(self, state: Any) -> tuple[Tensor, Tensor]:
        return state[0], state[2].sigmoid()


def heinsen_routing(
    votes: Float[Tensor, "B I J D"],
    activations: Float[Tensor, "B I"],
    *,
    mask: Bool[Tensor, "B I"] | None = None,
    history: bool = False,
    **fields: Any,
) -> Routing:
    """Route votes by `Heinsen(**fields)`: see there, and `route_votes`."""
    return route_votes(Heinsen(**fields), votes, activations, mask=mask, history=history)
