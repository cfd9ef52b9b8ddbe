"""What every layer of capsules has: transforms and a routing."""

from collections.abc import Mapping
from typing import Any, TypedDict

import torch
from torch import Tensor, nn

from torchcaps.nn.routing import ROUTINGS
from torchcaps.nn.routing_module import RoutingModule
from torchcaps.ops import Capsules, lengths
from torchcaps.ops.routing.backend import TRANSFORMS
from torchcaps.options import check_choice
from torchcaps.quoting import quote


class LayerOptions(TypedDict, total=False):
    """What every layer may be told beside its sizes, see `DenseCapsules`."""

    routing: str | RoutingModule
    routing_options: Mapping[str, Any] | None
    iterations: int | None
    transform: str
    init_std: float | None
    backend: str


class CapsuleLayer(nn.Module):
    """Base of the layers: a routing between I children of size E and J parents of size D, and
    `weight`, a row of transforms for each child or each kind of child.

    Args:
        sizes: I, E, J, D as the routing sees them.
        rows: of `weight`.
        Others: see `DenseCapsules`.
    """

    weight: nn.Parameter

    def __init__(
        self,
        sizes: tuple[int, int, int, int],
        rows: int,
        *,
        routing: str | RoutingModule = "dynamic",
        routing_options: Mapping[str, Any] | None = None,
        iterations: int | None = None,
        transform: str = "dense",
        init_std: float | None = None,
        backend: str = "auto",
    ) -> None:
        super().__init__()
        check_choice(self._where, "transform", transform, list(TRANSFORMS))
        options = dict(routing_options or {})
        if iterations is not None:
            options["iterations"] = iterations
        if isinstance(routing, RoutingModule):
            remedy = "give it to the module that is built already"
            refuse_options(options, "of a named routing", remedy, self._where)
            self.routing = routing
        else:
            check_choice(self._where, "routing", routing, list(ROUTINGS))
            ROUTINGS[routing].check_options(options)
            self.routing = ROUTINGS[routing](*sizes, **options)
        children, self.in_dim, parents, self.out_dim = sizes
        self.transform, self.backend = transform, backend
        algorithm = self.routing.algorithm()
        vote_dim = self.in_dim
        if self.routing.casts_votes:
            vote_dim = algorithm.votes_each * self.out_dim
        algorithm.check(children, parents, vote_dim, self.in_dim)
        std = self.routing.initial_std(*sizes) if init_std is None else init_std
        start = None
        if self.routing.casts_votes:
            shape = (rows, parents, *self._transform_shape(algorithm.votes_each))
            start = nn.Parameter(torch.randn(shape) * std)
        self.register_parameter("weight", start)

    @property
    def _where(self) -> str:
        return type(self).__name__

    def _transform_shape(self, votes_each: int) -> tuple[int, int]:
        if self.transform == "dense":
            return votes_each * self.out_dim, self.in_dim
        side = round(self.in_dim**0.5)
        if side * side != self.in_dim or self.out_dim != self.in_dim:
            raise ValueError(
                f"{self._where}, transform: expected square poses of one size for 'matrix'; got "
                f"in_dim={self.in_dim}, out_dim={self.out_dim}; use 16 for 4 x 4"
            )
        return side, votes_each * side

    def _needed(self, u: Tensor, mask: Tensor | None = None) -> Tensor | None:
        """The children's lengths, at most 1, for an algorithm that reads activations where none
        were given."""
        if "activations" not in self.routing.algorithm_class.needs:
            return None
        # What stands at a masked child may have no length that can be differentiated.
        there = u if mask is None else u.masked_fill(~mask.unsqueeze(-1), 0)
        return lengths(there).clamp_max(1)

    def _answer(self, plain: bool, out: Capsules) -> Any:
        """The poses alone where a tensor was given and their lengths are the activations."""
        return out.poses if plain and self.routing.score_kind == "lengths" else out

    @property
    def iterations(self) -> int:
        """R, of the routing."""
        return self.routing.iterations

    @iterations.setter
    def iterations(self, count: int) -> None:
        self.routing.iterations = count


def as_capsules(out: Tensor | Capsules) -> Capsules:
    """A layer's answer with its activations, where those are the lengths of the poses too."""
    return out if isinstance(out, Capsules) else Capsules(out, lengths(out))


def refuse_options(options: Mapping[str, Any], whose: str, remedy: str, where: str) -> None:
    """Raise a `ValueError` where there are options that nothing would heed."""
    for name, value in options.items():
        raise ValueError(
            f"{where}, {name}: expected none, as it is an option {whose}; "
            f"got {quote(value)}; {remedy}"
        )
