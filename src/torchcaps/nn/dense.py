"""Capsules that listen to all children: one transform per pair, then routing."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal, cast, overload

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from torchcaps.nn.routing import ROUTINGS
from torchcaps.nn.routing_module import RoutingModule
from torchcaps.ops import lengths, route_children, route_votes
from torchcaps.ops.precision import at_least_float32, without_autocast
from torchcaps.ops.routing import Algorithm, Capsules, Children, Routing, VectorRouting
from torchcaps.ops.routing.backend import TRANSFORMS
from torchcaps.ops.routing.whole import check_mask, present
from torchcaps.options import check_choice
from torchcaps.quoting import quote


class DenseCapsules(nn.Module):
    r"""Fully connected capsules (the series' DigitCaps): learnt transforms, then routing.

    Args:
        in_capsules, in_dim: I children of size E.
        out_capsules, out_dim: J parents of size D.
        routing: a name in `ROUTINGS`, or a `RoutingModule` built for these sizes.
        routing_options: of the named routing, as `{"preset": "official"}` of "em".
        iterations: of the named routing; None takes its own, 3 for "dynamic".
        bias, leaky, detach: of dynamic routing: learn a bias `[J, D]`, starting at 0.1 (the
            authors' code has one); see `torchcaps.ops.dynamic_routing`.
        transform: "dense", a D x E matrix for each pair; "matrix", poses are square matrices
            (E = D = q * q), multiplied from the right by a q x q matrix for each pair.
        positions: children of one type that share their transforms; 1 gives each child its own.
            With `positions=in_capsules` all children share them, and any number of children is
            taken if the routing has no parameters for each.
        init_std: standard deviation of the transforms at the start. The series takes 0.01, the
            authors 0.1; None chooses it so that parents start with lengths of 0.5 to 0.75 whatever
            I, J, D, the routing and its iterations (taking children of length 1/2).
        backend: see `torchcaps.ops.route`.

    Called with `u [B, I, E]`, `activations [B, I]` (None: the lengths of u, at most 1, for routings
    that read them) and `mask [B, I]`, True where there is a child; or with `Capsules` in the place
    of u. Answers with poses `[B, J, D]` where their lengths are the activations and u was a tensor,
    else with `Capsules(poses, activations)`.

    `weight` is `[I / positions, J, D, E]`, for matrices `[I / positions, J, q, q]`.
    """

    weight: nn.Parameter

    def __init__(
        self,
        in_capsules: int,
        in_dim: int,
        out_capsules: int,
        out_dim: int,
        *,
        routing: str | RoutingModule = "dynamic",
        routing_options: Mapping[str, Any] | None = None,
        iterations: int | None = None,
        bias: bool = False,
        leaky: bool = False,
        detach: bool = True,
        transform: Literal["dense", "matrix"] = "dense",
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
        check_choice("DenseCapsules", "transform", transform, list(TRANSFORMS))
        sizes = (in_capsules, in_dim, out_capsules, out_dim)
        own = {"bias": bias, "leaky": leaky, "detach": detach}
        own = {name: value for name, value in own.items() if value is not (name == "detach")}
        if routing != "dynamic":
            _refuse(own, "of dynamic routing", "leave it out, or take routing='dynamic'")
        options = {**own, **(routing_options or {})}
        if iterations is not None:
            options["iterations"] = iterations
        if isinstance(routing, RoutingModule):
            _refuse(options, "of a named routing", "give it to the module that is built already")
            self.routing = routing
        else:
            check_choice("DenseCapsules", "routing", routing, list(ROUTINGS))
            ROUTINGS[routing].check_options(options)
            self.routing = ROUTINGS[routing](*sizes, **options)
        self.in_capsules, self.in_dim, self.positions = in_capsules, in_dim, positions
        self.out_capsules, self.out_dim = out_capsules, out_dim
        self.transform, self.backend = transform, backend
        algorithm = self.routing.algorithm()
        vote_dim = algorithm.votes_each * out_dim if self.routing.casts_votes else in_dim
        algorithm.check(in_capsules, out_capsules, vote_dim, in_dim)
        std = init_std
        if std is None:
            std = self.routing.initial_std(*sizes)
        shape = (in_capsules // positions, out_capsules, *self._transform_shape())
        start = nn.Parameter(torch.randn(shape) * std) if self.routing.casts_votes else None
        self.register_parameter("weight", start)
        self.register_load_state_dict_pre_hook(_read_old_names)

    def _transform_shape(self) -> tuple[int, int]:
        each = self.routing.algorithm().votes_each
        if self.transform == "dense":
            return each * self.out_dim, self.in_dim
        side = round(self.in_dim**0.5)
        if side * side != self.in_dim or self.out_dim != self.in_dim:
            raise ValueError(
                "DenseCapsules, transform: expected square poses of one size for 'matrix'; got "
                f"in_dim={self.in_dim}, out_dim={self.out_dim}; use 16 for 4 x 4"
            )
        return side, each * side

    @overload
    def forward(
        self,
        u: Capsules,
        activations: None = None,
        mask: Tensor | None = None,
    ) -> Capsules: ...
    @overload
    def forward(
        self, u: Tensor, activations: Tensor | None = None, mask: Tensor | None = None
    ) -> Any: ...
    def forward(
        self,
        u: Float[Tensor, "B I E"] | Capsules,
        activations: Float[Tensor, "B I"] | None = None,
        mask: Bool[Tensor, "B I"] | None = None,
    ) -> Float[Tensor, "B J D"] | Capsules:
        plain = not isinstance(u, Capsules)
        if isinstance(u, Capsules):
            u, activations = u
        out = self.route(u, activations, mask)
        return out.poses if plain and self.routing.score_kind == "lengths" else out

    def route(
        self,
        u: Float[Tensor, "B I E"],
        activations: Float[Tensor, "B I"] | None = None,
        mask: Bool[Tensor, "B I"] | None = None,
    ) -> Capsules:
        """Parents' poses and activations, whatever the routing."""
        self._check(u)
        algorithm = self.routing.algorithm()
        return route_children(
            algorithm,
            u,
            self.weight,
            _needed(algorithm, u, mask) if activations is None else activations,
            mask=mask,
            transform=self.transform,
            backend=self.backend,
        )

    def votes(self, u: Float[Tensor, "B I E"]) -> Float[Tensor, "B I J D"]:
        """Every child's prediction of every parent."""
        self._check(u)
        if not self.routing.casts_votes:
            return cast(VectorRouting, self.routing.algorithm()).cast(u)
        return TRANSFORMS[self.transform](u, self.weight)

    def explain(
        self,
        u: Float[Tensor, "B I E"],
        iterations: int | None = None,
        mask: Bool[Tensor, "B I"] | None = None,
    ) -> Routing:
        """The same routing with all votes at once and the couplings of every iteration; with
        `iterations` in place of the layer's own."""
        algorithm = self.routing.algorithm()
        if iterations is not None and not algorithm.one_pass:
            algorithm = replace(algorithm, iterations=iterations)
        votes = self._compared(u)
        activations = _needed(algorithm, u, mask)
        found = route_votes(algorithm, votes, activations, u=u, mask=mask, history=True)
        if found.history is not None and algorithm.one_pass and iterations is not None:
            found = found._replace(history=found.history.expand(iterations, -1, -1, -1))
        return found

    def gather(
        self,
        u: Float[Tensor, "B I E"],
        couplings: Float[Tensor, "*R B I J"],
        mask: Bool[Tensor, "B I"] | None = None,
    ) -> tuple[Float[Tensor, "*R B J D"], Float[Tensor, "*R B J"]]:
        """Poses, and the scores of a classifier, that parents make of the children under any
        couplings."""
        algorithm = self.routing.algorithm()
        u = at_least_float32(u)
        if mask is not None:
            couplings = couplings.masked_fill(~mask.unsqueeze(-1), 0)
        children = present(Children(self._compared(u), _needed(algorithm, u, mask), u), mask)
        algorithm = algorithm.to(children.votes.dtype)
        found = []
        with without_autocast(u.device):
            start = algorithm.start(torch.zeros_like(children.votes[:, 0]))
            for row in couplings.reshape(-1, *couplings.shape[-3:]):
                statistics = algorithm.gather(children, row)
                state = algorithm.update(statistics, start, algorithm.passes - 1)
                capsules = Capsules(*algorithm.finish(state))
                found.append((capsules.poses, self.routing.scores(capsules)))
        poses, scores = (torch.stack(x) for x in zip(*found, strict=True))
        lead = couplings.shape[:-3]
        return poses.reshape(*lead, *poses.shape[1:]), scores.reshape(*lead, *scores.shape[1:])

    def _compared(self, u: Tensor) -> Tensor:
        """The votes as the algorithm is given them."""
        self._check(u)
        return self.votes(u) if self.routing.casts_votes else u.unsqueeze(2)

    def _check(self, u: Tensor) -> None:
        any_number = self.positions == self.in_capsules > 1 and not self.routing.per_child
        wrong = u.ndim != 3 or u.shape[2] != self.in_dim
        if wrong or (u.shape[1] != self.in_capsules and not any_number):
            raise ValueError(
                f"DenseCapsules, u: expected children [B, {self.in_capsules}, {self.in_dim}]; "
                f"got {tuple(u.shape)}; the layer was built for another image size or layer below"
            )

    @property
    def iterations(self) -> int:
        """R, of the routing."""
        return self.routing.iterations

    @iterations.setter
    def iterations(self, count: int) -> None:
        self.routing.iterations = count

    @property
    def bias(self) -> Tensor | None:
        """The routing's bias `[J, D]`, if it has one."""
        return getattr(self.routing, "bias", None)

    def extra_repr(self) -> str:
        shared = f", positions={self.positions}" if self.positions > 1 else ""
        return (
            f"I={self.in_capsules}, E={self.in_dim}, J={self.out_capsules}, D={self.out_dim}, "
            f"transform={self.transform}{shared}"
        )


DigitCaps = DenseCapsules


def _refuse(options: Mapping[str, Any], whose: str, remedy: str) -> None:
    """Raise a `ValueError` where there are options that nothing would heed."""
    for name, value in options.items():
        raise ValueError(
            f"DenseCapsules, {name}: expected none, as it is an option {whose}; "
            f"got {quote(value)}; {remedy}"
        )


def _needed(algorithm: Algorithm, u: Tensor, mask: Tensor | None = None) -> Tensor | None:
    """The children's lengths, at most 1, for an algorithm that reads activations where none were
    given."""
    if "activations" not in algorithm.needs:
        return None
    check_mask("DenseCapsules", mask, u)
    # What stands at a masked child may have no length that can be differentiated.
    there = u if mask is None else u.masked_fill(~mask.unsqueeze(-1), 0)
    return lengths(there).clamp_max(1)


def _read_old_names(_: nn.Module, state: dict[str, Any], prefix: str, *__: Any) -> None:
    """Take weights saved before routing was a module of its own."""
    if f"{prefix}bias" in state:
        state[f"{prefix}routing.bias"] = state.pop(f"{prefix}bias")
