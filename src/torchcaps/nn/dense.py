"""Capsules that listen to all children: one transform per pair, then routing."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from torchcaps.ops import route, squash
from torchcaps.ops.routing import Routing, dynamic_routing, votes
from torchcaps.ops.routing.dynamic import weighted_sum


class DenseCapsules(nn.Module):
    r"""Fully connected capsules (the series' DigitCaps): `route(u, weight)`, weight learnt.

    Args:
        in_capsules, in_dim: I children of size E.
        out_capsules, out_dim: J parents of size D.
        iterations, leaky, detach, backend: see `torchcaps.ops.route`.
        bias: learn a routing bias `[J, D]`, starting at 0.1 (the authors' code has one).
        positions: children of one type that share their transforms; 1 gives each child its own.
        init_std: standard deviation of the transforms at the start. The series takes 0.01, the
            authors 0.1; None chooses it so that parents start with $\|s\| \approx 1$ whatever the
            number of children (taking children of length 1/2).

    Shapes: `[B, I, E] -> [B, J, D]`; `weight` is `[I / positions, J, D, E]`.
    """

    def __init__(
        self,
        in_capsules: int,
        in_dim: int,
        out_capsules: int,
        out_dim: int,
        *,
        iterations: int = 3,
        bias: bool = False,
        leaky: bool = False,
        detach: bool = True,
        positions: int = 1,
        init_std: float | None = None,
        backend: str = "auto",
    ) -> None:
        super().__init__()
        if positions < 1 or in_capsules % positions:
            raise ValueError(
                f"DenseCapsules, positions: expected a divisor of in_capsules={in_capsules}; "
                f"got {positions}; use the height times width of the capsule grid, or 1"
            )
        self.iterations, self.leaky, self.detach = iterations, leaky, detach
        self.backend = backend
        even_std = 2 * out_capsules / (in_capsules * out_dim) ** 0.5
        std = even_std if init_std is None else init_std
        shape = (in_capsules // positions, out_capsules, out_dim, in_dim)
        self.weight = nn.Parameter(torch.randn(shape) * std)
        self.bias = nn.Parameter(torch.full((out_capsules, out_dim), 0.1)) if bias else None
        self.positions = positions

    def forward(self, u: Float[Tensor, "B I E"]) -> Float[Tensor, "B J D"]:
        self._check(u)
        return route(
            u,
            self.weight,
            self.iterations,
            bias=self.bias,
            leaky=self.leaky,
            detach=self.detach,
            backend=self.backend,
        )

    def votes(self, u: Float[Tensor, "B I E"]) -> Float[Tensor, "B I J D"]:
        """What routing compares: every child's prediction of every parent."""
        self._check(u)
        return votes(u, self.weight)

    def explain(self, u: Float[Tensor, "B I E"], iterations: int | None = None) -> Routing:
        """The same routing on the plain path, with the couplings of every iteration; with
        `iterations` in place of the layer's own."""
        return dynamic_routing(
            self.votes(u),
            iterations or self.iterations,
            bias=self.bias,
            leaky=self.leaky,
            detach=self.detach,
            history=True,
        )

    def gather(
        self, votes: Float[Tensor, "B I J D"], couplings: Float[Tensor, "*R B I J"]
    ) -> Float[Tensor, "*R B J D"]:
        """What parents any couplings make of the votes."""
        return squash(weighted_sum(couplings, votes, self.bias))

    def _check(self, u: Tensor) -> None:
        children = self.weight.shape[0] * self.positions
        if u.ndim != 3 or u.shape[1:] != (children, self.weight.shape[-1]):
            raise ValueError(
                f"DenseCapsules, u: expected children [B, {children}, {self.weight.shape[-1]}]; "
                f"got {tuple(u.shape)}; the layer was built for another image size or layer below"
            )

    def extra_repr(self) -> str:
        types, parents, dim, child_dim = self.weight.shape
        return (
            f"I={types * self.positions}, E={child_dim}, J={parents}, D={dim}, "
            f"iterations={self.iterations}, leaky={self.leaky}, detach={self.detach}"
        )


DigitCaps = DenseCapsules
