"""Capsules whose poses turn with the image, by routing."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from torchcaps.nn.equivariant_filters import ExpandedFilters, response
from torchcaps.ops import route, squash
from torchcaps.ops.precision import without_autocast
from torchcaps.ops.routing import Routing, dynamic_routing, votes
from torchcaps.ops.routing.dynamic import weighted_sum
from torchcaps.ops.steerable import group_table, orientation_basis, out_frequency

# Wider than that of filters: routing multiplies votes with couplings, which vary from child to
# child, and what the sum over few positions aliases is learnt as the direction of their grid.
SIGMA = 0.9


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
        n, frequency, angular_frequency: see `GroupConv2d`.
        iterations, leaky, detach, backend: see `torchcaps.ops.route`.

    Shapes: `[B, I, n] -> [B, J, n d]`, orientation by orientation; `weight` is `[J d, types, F]`,
    one number for each entry of `ops.steerable.group_table`. Votes are cast and compared among the
    waves over the orientation that filters read and write: the same agreements, fewer products.

    Source: Lenssen, Fey & Libuschewski 2018 have the idea; there, poses are group elements.
    """

    in_harmonics: Tensor
    out_harmonics: Tensor

    def __init__(
        self,
        types: int,
        size: tuple[int, int],
        out_capsules: int,
        dim: int,
        n: int = 16,
        *,
        frequency: int = 2,
        angular_frequency: int | None = None,
        iterations: int = 3,
        leaky: bool = False,
        detach: bool = True,
        backend: str = "auto",
    ) -> None:
        table = group_table(size, n, frequency, angular_frequency, sigma=SIGMA)
        super().__init__(table)
        self.types, self.size, self.out_capsules, self.dim, self.n = (
            types, size, out_capsules, dim, n
        )  # fmt: skip
        self.iterations, self.leaky, self.detach = iterations, leaky, detach
        self.backend = backend
        self.add_constant("in_harmonics", orientation_basis(n, angular_frequency)[0])
        highest = out_frequency(n, frequency, angular_frequency)
        self.add_constant("out_harmonics", orientation_basis(n, highest)[0])
        # Parents start with |s| near 1/3, as those of children with length 1 that share it evenly.
        std = out_capsules / 3 / (types * dim) ** 0.5 / response(table)
        self.weight = nn.Parameter(torch.randn(out_capsules * dim, types, len(table)) * std)

    def arrange(self, filters: Float[Tensor, "Jd S T Q h w"]) -> Float[Tensor, "I J Sd Q"]:
        filters = filters.unflatten(0, (self.out_capsules, self.dim))  # [J, d, S, T, Q, h, w]
        return filters.permute(3, 5, 6, 0, 2, 1, 4).flatten(4, 5).flatten(0, 2)

    def forward(self, u: Float[Tensor, "B I n"]) -> Float[Tensor, "B J D"]:
        poses = route(
            self._to_harmonics(u),
            self.filters(),
            self.iterations,
            leaky=self.leaky,
            detach=self.detach,
            backend=self.backend,
        )
        return self.to_orientations(poses)

    def votes(self, u: Float[Tensor, "B I n"]) -> Float[Tensor, "B I J Sd"]:
        """What routing compares: every child's prediction of every parent, among the waves."""
        return votes(self._to_harmonics(u), self.filters())

    def explain(self, u: Float[Tensor, "B I n"], iterations: int | None = None) -> Routing:
        """The same routing on the plain path, with the couplings of every iteration; with
        `iterations` in place of the layer's own."""
        routing = dynamic_routing(
            self.votes(u),
            iterations or self.iterations,
            leaky=self.leaky,
            detach=self.detach,
            history=True,
        )
        return routing._replace(poses=self.to_orientations(routing.poses))

    def gather(
        self, votes: Float[Tensor, "B I J Sd"], couplings: Float[Tensor, "*R B I J"]
    ) -> Float[Tensor, "*R B J Sd"]:
        """What parents any couplings make of the votes, among the waves."""
        return squash(weighted_sum(couplings, votes, None))

    def _to_harmonics(self, u: Tensor) -> Float[Tensor, "B I Q"]:
        """The harmonics of the children that the filters read, wave by wave."""
        self._check(u)
        return u @ self.in_harmonics.T.to(u)

    def to_orientations(self, v: Float[Tensor, "*R B J Sd"]) -> Float[Tensor, "*R B J D"]:
        """Poses at the n orientations. The waves are orthonormal: no length, no product moves."""
        waves = v.unflatten(-1, (len(self.out_harmonics), self.dim))
        with without_autocast(v.device):
            return (self.out_harmonics.T.to(v) @ waves).flatten(-2)

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
