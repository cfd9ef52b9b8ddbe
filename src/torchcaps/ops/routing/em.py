"""EM routing: parents are Gaussians that explain the votes (matrix capsules)."""

import math
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, get_args

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

from torchcaps.ops.routing.algorithm import Algorithm, Children
from torchcaps.ops.routing.gaussian import bounded_variance, log_normal
from torchcaps.ops.routing.moments import Moments
from torchcaps.ops.routing.result import Routing
from torchcaps.ops.routing.whole import route_votes

EMPreset = Literal["paper", "official", "hahn2019"]
# The factor on the activation's bias in the authors' code.
OFFICIAL_BIAS = 5000.0


@dataclass(frozen=True, kw_only=True)
class EM(Algorithm):
    r"""Each parent is a Gaussian with a diagonal covariance; each pass assigns the votes to
    parents and fits these again:

    $$ r_{ij} = R_{ij} a_i,\quad m_j = \sum_i r_{ij},\quad
       \mu_j = \frac{\sum_i r_{ij} \hat u_{ij}}{m_j},\quad
       \sigma_j^2 = \frac{\sum_i r_{ij} (\hat u_{ij} - \mu_j)^2}{m_j} + \epsilon $$
    $$ a_j = \mathrm{sigmoid}\Big(\lambda_t \big(\beta^a_j
       - m_j \sum_d (\beta^u_j + \log \sigma_{jd})\big)\Big),\quad
       R_i = \mathrm{softmax}_j\big(\log a_j + \log N(\hat u_{ij}; \mu_j, \sigma_j^2)\big) $$

    with $R = 1/J$ at first and $\lambda_t = \lambda (1 - 0.95^t)$, t = 1, 2, ...

    Fields: `beta_a`, `beta_u [J]`; `final_lambda`, $\lambda$; `least`, $\epsilon$ (None: the
    preset's). `preset`:

    - "paper": as above, $\epsilon = 10^{-6}$ (the paper has none: one child alone has no variance).
    - "official": the authors' code, `capsule_em`, which differs: the mean is damped,
      $0.9 \mu + 0.1 \mu_{old}$ from 0 on, and the variance taken about that; masses get
      `mass_eps`; the logit is $\lambda_t (m_j (-\sum_d \log \sigma^2 - \beta^u_j D (\ln 2\pi + 1))
      - 5000 \beta^a_j)$; $\epsilon = 5 \cdot 10^{-4}$. Its class layer takes $\lambda / 4$ and
      `mass_eps=1e-5`. Between convolutional capsules only the positions compete, for each parent
      type by itself.
    - "hahn2019": R starts at 1, not 1/J (J times the mass in the first iteration), as in the code
      of Hahn et al. 2019; $\epsilon = 10^{-12}$.

    Source: Hinton, Sabour & Frosst 2018, procedure 1.
    """

    beta_a: Tensor
    beta_u: Tensor
    final_lambda: float = 0.01
    preset: EMPreset = "paper"
    least: float | None = None
    mass_eps: float = 1e-7
    needs: ClassVar = ("activations",)
    copies: ClassVar = 14
    choices: ClassVar = {"preset": get_args(EMPreset)}

    @classmethod
    def shapes(cls, children: int, parents: int, dim: int, child_dim: int) -> dict[str, Any]:
        return {"beta_a": (parents,), "beta_u": (parents,)}

    def start(self, zeros: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return zeros, zeros + 1, zeros.sum(-1)

    @property
    def competes(self) -> bool:
        return self.preset != "hahn2019"

    @property
    def types_compete(self) -> bool:
        return self.preset != "official"

    def attend(self, children: Children, state: Any, t: int) -> Tensor:
        found = super().attend(children, state, t)
        return torch.ones_like(found) if t == 0 and self.preset == "hahn2019" else found

    def agree(self, children: Children, state: Any, t: int) -> Tensor | None:
        if t == 0:
            return None
        mean, variance, logit = state
        log_density = log_normal(children.votes, mean, variance)
        return F.logsigmoid(logit).unsqueeze(1) + log_density

    def gather(self, children: Children, couplings: Tensor) -> Moments:
        assert children.activations is not None
        return Moments.of(children.votes, couplings * children.activations.unsqueeze(-1))

    def update(self, statistics: Moments, state: Any, t: int) -> tuple[Tensor, Tensor, Tensor]:
        heat = self.final_lambda * (1 - 0.95 ** (t + 1))
        mass, mean, scatter = statistics
        if self.preset == "official":
            kept = mass + self.mass_eps
            centre = 0.9 * mean * (mass / kept) + 0.1 * state[0]
            variance = bounded_variance(statistics.about(centre), kept) + self._least
            width = variance.log().sum(-1) + self.beta_u * mean.shape[-1] * (
                math.log(2 * math.pi) + 1
            )
            logit = heat * (-kept.squeeze(-1) * width - OFFICIAL_BIAS * self.beta_a)
            return centre, variance, logit
        variance = bounded_variance(scatter, mass) + self._least
        cost = mass.squeeze(-1) * (self.beta_u.unsqueeze(-1) + variance.log() / 2).sum(-1)
        return mean, variance, heat * (self.beta_a - cost)

    def finish(self, state: Any) -> tuple[Tensor, Tensor]:
        return state[0], state[2].sigmoid()

    @property
    def _least(self) -> float:
        usual = {"paper": 1e-6, "official": 5e-4, "hahn2019": 1e-12}
        return usual[self.preset] if self.least is None else self.least


def em_routing(
    votes: Float[Tensor, "B I J D"],
    activations: Float[Tensor, "B I"],
    *,
    mask: Bool[Tensor, "B I"] | None = None,
    history: bool = False,
    **fields: Any,
) -> Routing:
    """Route votes by `EM(**fields)`: see there, and `route_votes`."""
    return route_votes(EM(**fields), votes, activations, mask=mask, history=history)
