"""Routing by agreement: as the paper writes it, the judge of every faster path, and on the contract
of every algorithm."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from torchcaps.ops.lengths import lengths
from torchcaps.ops.precision import at_least_float32, without_autocast
from torchcaps.ops.routing.algorithm import Algorithm, Children
from torchcaps.ops.routing.moments import weighted
from torchcaps.ops.routing.result import Routing
from torchcaps.ops.squash import squash


def dynamic_routing(
    votes: Float[Tensor, "B I J D"],
    iterations: int = 3,
    *,
    bias: Float[Tensor, "J D"] | None = None,
    leaky: bool = False,
    detach: bool = True,
    history: bool = False,
) -> Routing:
    r"""Send each child's vote to the parents that agree with it (Procedure 1):

    $$ b_{ij} = 0, \quad\text{then } R \text{ times}\quad c_i = \mathrm{softmax}_j(b_i),\quad
       s_j = \sum_i c_{ij} \hat u_{ij} + \beta_j,\quad v_j = \mathrm{squash}(s_j),\quad
       b_{ij} \mathrel{+}= \hat u_{ij} \cdot v_j $$

    Args:
        votes: `[B, I, J, D]`.
        iterations: R, at least 1; with one, couplings are uniform.
        bias: `[J, D]`, added to s in every iteration (the authors' code has it, the paper not).
        leaky: one more, silent parent takes its share of every child (the authors' CIFAR setting):
            couplings then sum to less than 1.
        detach: gradient through the last iteration alone, couplings being constants (the series'
            habit); False is the paper's.
        history: also return the couplings of every iteration.

    Returns:
        `Routing(poses, activations, couplings, history)`, activations being the lengths.
        Half-precision votes are routed in float32; the poses come back in the votes' dtype, the
        rest in float32.

    Source: Sabour et al. 2017. The last update of the logits, which nothing reads, is left out.
    """
    check_routing(votes.shape[2:], iterations, bias, "dynamic_routing")
    with without_autocast(votes.device):
        seen = at_least_float32(votes)
        early = seen.detach() if detach else seen
        logits = early.new_zeros(early.shape[:3])
        trace = []
        for _ in range(iterations - 1):
            couplings = routing_softmax(logits, leaky)
            trace.append(couplings)
            poses = squash(weighted_sum(couplings, early, bias))
            logits = logits + torch.einsum(
                "bijd,bjd->bij", early, poses.detach() if detach else poses
            )
        couplings = routing_softmax(logits, leaky)
        poses = squash(weighted_sum(couplings, seen, bias))
    all_couplings = torch.stack([*trace, couplings]) if history else None
    return Routing(poses.to(votes.dtype), lengths(poses), couplings, all_couplings)


def weighted_sum(couplings: Tensor, votes: Tensor, bias: Tensor | None) -> Tensor:
    """`s [..., B, J, D]`: the votes in the proportion of the couplings `[..., B, I, J]`, plus the
    bias."""
    s = torch.einsum("...bij,bijd->...bjd", couplings, votes)
    return s if bias is None else s + bias


def routing_softmax(logits: Float[Tensor, "B I J"], leaky: bool) -> Float[Tensor, "B I J"]:
    """Couplings: softmax over the parents J, with a zero logit for the silent parent if leaky."""
    if leaky:
        return F.pad(logits, (1, 0)).softmax(-1)[..., 1:]
    return logits.softmax(-1)


def check_routing(
    parents: tuple[int, ...], iterations: int, bias: Tensor | None, where: str
) -> None:
    """Raise a `ValueError` unless there are `[J, D]` parents, R >= 1 and a bias of their shape."""
    if len(parents) != 2:
        raise ValueError(
            f"{where}, votes: expected [B, I, J, D]; got {len(parents) + 2} axes; "
            "make votes with torchcaps.ops.votes(u, weight)"
        )
    if isinstance(iterations, bool) or not isinstance(iterations, int) or iterations < 1:
        raise ValueError(
            f"{where}, iterations: expected a whole number, at least 1; got {iterations!r}; "
            "1 gives uniform couplings, 3 is the paper's"
        )
    if bias is not None and tuple(bias.shape) != tuple(parents):
        raise ValueError(
            f"{where}, bias: expected one vector per parent, shape {tuple(parents)}; "
            f"got {tuple(bias.shape)}; use torch.zeros{tuple(parents)} for none"
        )


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

    @property
    def sums_over(self) -> Literal["parents"] | None:
        return None if self.leaky else "parents"

    @classmethod
    def shapes(cls, children: int, parents: int, dim: int, child_dim: int) -> dict[str, Any]:
        return {"bias": (parents, dim), "prior": (children, parents)}

    def start(self, zeros: Tensor) -> tuple[Tensor, Tensor]:
        return zeros, zeros

    @property
    def competes(self) -> bool:
        return not self.leaky

    def agree(self, children: Children, state: tuple[Tensor, Tensor], t: int) -> Tensor:
        votes, total = children.votes, state[0]
        if self.detach:
            votes, total = votes.detach(), total.detach()
        logits = torch.einsum("bijd,bjd->bij", votes, total)
        return logits if self.prior is None else logits + self.prior

    def attend(self, children: Children, state: tuple[Tensor, Tensor], t: int) -> Tensor:
        return routing_softmax(self.agree(children, state, t), self.leaky)

    def gather(self, children: Children, couplings: Tensor) -> Tensor:
        return weighted(couplings, children.votes)

    def update(self, statistics: Tensor, state: tuple[Tensor, Tensor], t: int) -> Any:
        poses = squash(statistics if self.bias is None else statistics + self.bias)
        return state[0] + poses, poses

    def finish(self, state: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        return state[1], lengths(state[1])
