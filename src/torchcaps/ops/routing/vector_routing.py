"""Heinsen's vector routing of 2022: parents predict their children."""

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

from torchcaps.ops.routing.algorithm import Children, over_parents
from torchcaps.ops.routing.result import Routing
from torchcaps.ops.routing.scored import Scored
from torchcaps.ops.routing.whole import route_votes


@dataclass(frozen=True, kw_only=True)
class VectorRouting(Scored):
    r"""Parents predict their children and get the data that they predict well. With
    $x_i = u_i / \sqrt{I}$ and $f_i = \mathrm{sigmoid}(w^a_i \cdot x_i + b^a_i)$:

    $$ \phi_{ij} = \beta^{use}_{ij} f_i R_{ij} - \beta^{ign}_{ij} f_i (1 - R_{ij}),\quad
       v_j = \sum_i \phi_{ij} \big((x_i \circ w^{f1}_j) W^{f2} + b^{f2}_j\big) $$
    $$ \hat u_{ij} = (\mathrm{LayerNorm}(v_j) W^{g1}) \circ w^{g2}_j + b^{g2}_j,\quad
       R_i = \mathrm{softmax}_j\big(\log \mathrm{sigmoid}(w^s_{ij}\, u_i \cdot \hat u_{ij}
       + b^s_{ij})\big) $$

    with $R = 1/J$ at first. Only $\sum_i \phi_{ij} x_i$ and $\sum_i \phi_{ij}$ are ever summed, so
    memory is linear in I, J, E and D. Poses are normalised if `normalise_poses`.

    Fields, starred ones with one row for all children where their number varies: `gate [I, E]*`,
    `gate_bias [I]*`; `to_parent [J, E]`, `mix [E, D]`, `parent_bias [J, D]`; `back [D, E]`,
    `to_child [J, E]`, `child_bias [J, E]`; `sharpness`, `sharpness_bias`, `beta_use`,
    `beta_ign [I, J]*`. Betas may also depend on the child: `use_weight`, `ign_weight [J, E]` are
    then products with u to add to `beta_use`, `beta_ign`. `children`: I.

    Its votes are the children themselves, one for all parents: `[B, I, 1, E]`; use
    `vector_routing(u, ...)`.

    Source: Heinsen 2022.
    """

    iterations: int = 2
    copies: ClassVar = 18  # of the children, which stand for their votes
    children: int
    gate: Tensor
    gate_bias: Tensor
    to_parent: Tensor
    mix: Tensor
    parent_bias: Tensor
    back: Tensor
    to_child: Tensor
    child_bias: Tensor
    sharpness: Tensor
    sharpness_bias: Tensor
    beta_use: Tensor
    beta_ign: Tensor
    use_weight: Tensor | None = None
    ign_weight: Tensor | None = None
    normalise_poses: bool = True
    of_children: ClassVar = (
        "gate",
        "gate_bias",
        "sharpness",
        "sharpness_bias",
        "beta_use",
        "beta_ign",
    )

    @classmethod
    def shapes(cls, children: int, parents: int, dim: int, child_dim: int) -> dict[str, Any]:
        pairs = dict.fromkeys(
            ("sharpness", "sharpness_bias", "beta_use", "beta_ign"), (children, parents)
        )
        each = dict.fromkeys(
            ("to_parent", "to_child", "child_bias", "use_weight", "ign_weight"),
            (parents, child_dim),
        )
        own = {"gate": (children, child_dim), "gate_bias": (children,), "mix": (child_dim, dim)}
        back = {"parent_bias": (parents, dim), "back": (dim, child_dim)}
        return {**super().shapes(children, parents, dim, child_dim), **pairs, **each, **own, **back}

    def check(self, children: int, parents: int, dim: int, child_dim: int | None) -> None:
        """`dim` is the children's, which are their own votes."""
        super().check(children, len(self.to_parent), self.mix.shape[1], dim)

    def start(self, zeros: Tensor) -> Tensor:
        """The parents' poses; `zeros [B, 1, E]` has the children's shape."""
        return zeros.new_zeros(zeros.shape[0], len(self.to_parent), self.mix.shape[1])

    def attend(self, children: Children, state: Tensor, t: int) -> Tensor:
        x = children.votes.squeeze(2)
        parents = len(self.to_parent)
        if t == 0:
            return x.new_full((*x.shape[:2], parents), 1 / parents)
        expected = (self._whiten(state) @ self.back) * self.to_child + self.child_bias  # [B, J, E]
        match = torch.addcmul(self.sharpness_bias, self.sharpness, x @ expected.mT)
        return over_parents(F.logsigmoid(match))

    def gather(self, children: Children, couplings: Tensor) -> tuple[Tensor, Tensor]:
        u = children.votes.squeeze(2)
        shorter = max(self.children, 1) ** -0.5  # x = shorter * u is never made
        gate = (shorter * (u * self.gate).sum(-1) + self.gate_bias).sigmoid().unsqueeze(-1)
        if children.activations is not None:
            gate = gate * children.activations.unsqueeze(-1)
        use, ign = self.beta_use, self.beta_ign
        if self.use_weight is not None and self.ign_weight is not None:
            use, ign = use + u @ self.use_weight.T, ign + u @ self.ign_weight.T
        credit = gate * torch.addcmul(-ign, use + ign, couplings)
        return shorter * (credit.mT @ u), credit.sum(1).unsqueeze(-1)

    def update(self, statistics: tuple[Tensor, Tensor], state: Tensor, t: int) -> Tensor:
        pulled, credit = statistics
        return (pulled * self.to_parent) @ self.mix + credit * self.parent_bias

    def finish(self, state: Tensor) -> tuple[Tensor, Tensor]:
        return super().finish(self._whiten(state) if self.normalise_poses else state)

    def cast(self, u: Tensor) -> Tensor:
        """The votes `[B, I, J, D]`, which routing itself never makes."""
        x = u / max(self.children, 1) ** 0.5
        return (x.unsqueeze(2) * self.to_parent) @ self.mix + self.parent_bias

    def _whiten(self, poses: Tensor) -> Tensor:
        return self.normalise(poses) if poses.shape[-1] > 1 else poses


def vector_routing(
    u: Float[Tensor, "B I E"],
    *,
    mask: Bool[Tensor, "B I"] | None = None,
    history: bool = False,
    **fields: Any,
) -> Routing:
    """Route children by `VectorRouting(children=I, **fields)`: see there, and `route_votes`."""
    algorithm = VectorRouting(children=u.shape[1], **fields)
    return route_votes(algorithm, u.unsqueeze(2), mask=mask, history=history)
