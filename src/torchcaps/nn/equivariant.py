"""Capsules whose poses turn with the image, by routing."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from torchcaps.nn.equivariant_filters import ExpandedFilters
from torchcaps.ops import route
from torchcaps.ops.routing import Routing, dynamic_routing, votes
from torchcaps.ops.steerable import expand_group, orientation_basis, steerable_basis


class EquivariantCapsules(ExpandedFilters):
    r"""Fully connected capsules whose transforms obey the symmetry of the grid they listen to:

    $$ W_{ij}(g p) = \rho(g)\, W_{ij}(p)\, \rho(g)^{-1} $$

    A child is a type at a position p and holds its n responses over the orientations; a parent
    holds d numbers at each of n orientations; $\rho$ shifts orientations. The transforms are the
    filters of a group convolution as large as the whole map, kept apart by type and position, so
    that votes turn with the image. Routing reads them through dot products alone, which shifts
    leave as they are: it turns too.

    Args:
        types: kinds of children.
        size: height and width of their grid; I = types * height * width, row by row, as
            `GroupConv2d` leaves them.
        out_capsules, dim: J parents and d, numbers at each orientation.
        n, frequency, turn_frequency: see `GroupConv2d`.
        iterations, leaky, detach, backend: see `torchcaps.ops.route`.

    Shapes: `[B, I, n] -> [B, J, n d]`, orientation by orientation; `weight` is
    `[J d, types, R, K]`.

    Source: Lenssen, Fey & Libuschewski 2018 have the idea; there, poses are group elements.
    """

    def __init__(
        self,
        types: int,
        size: tuple[int, int],
        out_capsules: int,
        dim: int,
        n: int = 16,
        *,
        frequency: int = 2,
        turn_frequency: int | None = None,
        iterations: int = 3,
        leaky: bool = False,
        detach: bool = True,
        backend: str = "auto",
    ) -> None:
        super().__init__()
        self.types, self.size, self.out_capsules, self.dim, self.n = (
            types, size, out_capsules, dim, n
        )  # fmt: skip
        self.iterations, self.leaky, self.detach = iterations, leaky, detach
        self.backend = backend
        self.basis = steerable_basis(size, n, frequency, margin=0)
        self.orientations = orientation_basis(n, turn_frequency)
        shape = out_capsules * dim, types, self.orientations.shape[1], self.basis.shape[1]
        gain = self.orientations[0].square().sum() * self.basis[0].square().sum()
        # Parents start with |s| near 1/3, as those of children with length 1 that share it evenly.
        std = out_capsules / 3 / (types * dim * gain) ** 0.5
        self.weight = nn.Parameter(torch.randn(shape) * float(std))

    def expand(self, weight: Tensor) -> Float[Tensor, "I J D E"]:
        filters = expand_group(weight, self.orientations, self.basis)  # [J*d, n, types, n, h, w]
        filters = filters.unflatten(0, (self.out_capsules, self.dim))
        return filters.permute(3, 5, 6, 0, 2, 1, 4).flatten(4, 5).flatten(0, 2)

    def forward(self, u: Float[Tensor, "B I n"]) -> Float[Tensor, "B J D"]:
        self._check(u)
        return route(
            u,
            self.filters(),
            self.iterations,
            leaky=self.leaky,
            detach=self.detach,
            backend=self.backend,
        )

    def explain(self, u: Float[Tensor, "B I n"]) -> Routing:
        """The same routing on the plain path, with the couplings of every iteration."""
        self._check(u)
        return dynamic_routing(
            votes(u, self.filters()),
            self.iterations,
            leaky=self.leaky,
            detach=self.detach,
            history=True,
        )

    def _check(self, u: Tensor) -> None:
        children = self.types * self.size[0] * self.size[1]
        if u.ndim != 3 or u.shape[1:] != (children, self.n):
            raise ValueError(
                f"EquivariantCapsules, u: expected children [B, {children}, {self.n}]; got "
                f"{tuple(u.shape)}; the layer was built for another image size or layer below"
            )

    def extra_repr(self) -> str:
        return (
            f"types={self.types}, size={self.size}, J={self.out_capsules}, d={self.dim}, "
            f"n={self.n}, iterations={self.iterations}, leaky={self.leaky}, detach={self.detach}"
        )
