"""Variational Bayes routing: Gaussians with priors on all that they have."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from torchcaps.ops.routing.algorithm import Algorithm, Children
from torchcaps.ops.routing.gaussian import WIDEST, distances
from torchcaps.ops.routing.moments import Moments
from torchcaps.ops.routing.result import Routing
from torchcaps.ops.routing.whole import route_votes


@dataclass(frozen=True, kw_only=True)
class VariationalBayes(Algorithm):
    r"""A mixture of Gaussians with a Dirichlet prior on its weights and normal-Wishart priors on
    means and precisions. With $r_{ij} = R_{ij} a_i$, masses $m_j$, means $\bar u_j$
    and scatters $S_j$ of the votes under r:

    $$ \alpha = \alpha_0 + m,\quad \kappa = \kappa_0 + m,\quad \nu = \nu_0 + m,\quad
       \mu = \frac{m}{\kappa} \bar u,\quad
       \Psi^{-1} = 1 + S + \frac{\kappa_0 m}{\kappa} \bar u^2 $$
    $$ \mathbb{E}\ln|\Lambda| = \sum_{d=0}^{D-1} \psi\Big(\frac{\nu - d}{2}\Big) + D \ln 2
       - \sum_d \ln \Psi^{-1}_d,\quad
       \mathbb{E}\ln\pi = \psi(\alpha) - \psi\Big(\sum_j \alpha_j\Big) $$
    $$ R_i = \mathrm{softmax}_j\Big(\mathbb{E}\ln\pi + \tfrac12 \mathbb{E}\ln|\Lambda|
       - \tfrac12 \big(D / \kappa + \nu \textstyle\sum_d \Psi_d (\hat u_{ij} - \mu_j)^2\big)\Big) $$
    $$ a_j = \mathrm{sigmoid}\Big(\beta^a_j - e^{\mathbb{E}\ln\pi} H_j - \beta^u_j\Big),\quad
       H = \tfrac{D}{2} \ln 2\pi e - \tfrac12 \mathbb{E}\ln|\Lambda| $$

    with $\alpha_0 = \kappa_0 = 1$, $\nu_0 = D + 1$ and $R = 1/J$ at first. With `covariance="full"`
    squares are outer products, $\Psi$ is a matrix and $\sum_d \ln$ the logarithm of a determinant.

    Fields: `beta_a`, `beta_u [J]`; `norm_logit`, `norm_pose`, functions of the activations' logit
    `[B, J]` and of the poses `[B, J, D]`: the authors' code has a BatchNorm in both places.

    Source: Ribeiro, Leontidis & Kollias 2020. Unlike the authors' code, a parent without mass
    gives finite numbers.
    """

    beta_a: Tensor
    beta_u: Tensor
    covariance: Literal["diagonal", "full"] = "diagonal"
    norm_logit: Callable[[Tensor], Tensor] | None = None
    norm_pose: Callable[[Tensor], Tensor] | None = None
    needs: ClassVar = ("activations",)
    copies: ClassVar = 14
    choices: ClassVar = {"covariance": ("diagonal", "full")}

    @classmethod
    def shapes(cls, children: int, parents: int, dim: int, child_dim: int) -> dict[str, Any]:
        return {"beta_a": (parents,), "beta_u": (parents,)}

    def start(self, zeros: Tensor) -> tuple[Tensor, ...]:
        wide = zeros if self.covariance == "diagonal" else zeros.unsqueeze(-1) * zeros.unsqueeze(-2)
        return zeros, wide, zeros.sum(-1), zeros.sum(-1)

    def agree(self, children: Children, state: tuple[Tensor, ...], t: int) -> Tensor | None:
        if t == 0:
            return None
        mean, precision, log_weight, _ = state
        return log_weight.unsqueeze(1) - distances(children.votes, mean, precision) / 2

    def gather(self, children: Children, couplings: Tensor) -> Moments:
        assert children.activations is not None
        weights = couplings * children.activations.unsqueeze(-1)
        return Moments.of(children.votes, weights, full=self.covariance == "full")

    def update(self, statistics: Moments, state: Any, t: int) -> tuple[Tensor, ...]:
        mass, mean, scatter = statistics
        dim = mean.shape[-1]
        kappa, nu = 1 + mass, dim + 1 + mass  # [B, J, 1]
        scale, log_scale = self._scale(scatter + statistics.square(mean, mass / kappa), dim)
        degrees = torch.arange(dim, device=mean.device, dtype=mean.dtype)
        log_det = ((nu - degrees) / 2).digamma().sum(-1) + dim * math.log(2) + log_scale
        alpha = kappa.squeeze(-1)
        log_pi = alpha.digamma() - alpha.sum(-1, keepdim=True).digamma()
        entropy = dim / 2 * math.log(2 * math.pi * math.e) - log_det / 2
        logit = self.beta_a - (log_pi.exp() * entropy + self.beta_u)
        log_weight = log_pi + log_det / 2 - dim / (2 * kappa.squeeze(-1))
        precision = scale * (nu if self.covariance == "diagonal" else nu.unsqueeze(-1))
        return mass / kappa * mean, precision, log_weight, logit

    def _scale(self, scatter: Tensor, dim: int) -> tuple[Tensor, Tensor]:
        r"""$\Psi$ and $\ln|\Psi|$, from what is added to its inverse."""
        if self.covariance == "diagonal":
            inverse = (1 + scatter).clamp(max=WIDEST)
            return 1 / inverse, -inverse.log().sum(-1)
        # In units of the largest variance, where 1 is at least what rounding leaves of the scatter.
        eye = torch.eye(dim).to(scatter)
        largest = scatter.detach().diagonal(dim1=-2, dim2=-1).amax(-1).clamp(1, WIDEST)
        unit = largest[..., None, None]
        scatter = torch.where(unit < WIDEST, scatter, WIDEST * eye)
        one = (1 / unit).clamp_min(8 * dim * torch.finfo(scatter.dtype).eps)
        root = torch.linalg.cholesky(scatter / unit + one * eye)
        log_det = 2 * root.diagonal(dim1=-2, dim2=-1).log().sum(-1) + dim * largest.log()
        return torch.cholesky_inverse(root) / unit, -log_det

    def finish(self, state: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
        poses, _, _, logit = state
        logit = logit if self.norm_logit is None else self.norm_logit(logit)
        return poses if self.norm_pose is None else self.norm_pose(poses), logit.sigmoid()


def variational_bayes_routing(
    votes: Float[Tensor, "B I J D"],
    activations: Float[Tensor, "B I"],
    *,
    mask: Bool[Tensor, "B I"] | None = None,
    history: bool = False,
    **fields: Any,
) -> Routing:
    """Route votes by `VariationalBayes(**fields)`: see there, and `route_votes`."""
    return route_votes(VariationalBayes(**fields), votes, activations, mask=mask, history=history)
