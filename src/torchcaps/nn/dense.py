"""Capsules that listen to all children: one transform per pair, then routing."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal, cast, overload

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from torchcaps.nn.layer import CapsuleLayer, refuse_options
from torchcaps.nn.routing_module import RoutingModule
from torchcaps.ops import route_children, route_votes
from torchcaps.ops.precision import at_least_float32, without_autocast
from torchcaps.ops.routing import Capsules, Children, Routing, VectorRouting
from torchcaps.ops.routing.backend import TRANSFORMS
from torchcaps.ops.routing.whole import check_mask, present


class DenseCapsules(CapsuleLayer):
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
            With more than 1, children at any number of positions are taken if the routing has no
            parameters for each.
        vote_bias: learn a vector that is added to the votes, `[I / positions, J, D]`, from 0 on.
        init_std: standard deviation of the transforms at the start. The series takes 0.01, the
            authors 0.1; None chooses it so that parents start with lengths of 0.5 to 0.75 whatever
            I, J, D, the routing and its iterations (taking children of length 1/2).
        backend: see `torchcaps.ops.route`.

    A routing without transforms ("vector") refuses `transform`, `positions` and `init_std`.

    Called with `u [B, I, E]`, `activations [B, I]` (None: the lengths of u, at most 1, for routings
    that read them) and `mask [B, I]`, True where there is a child; or with `Capsules` in the place
    of u. Answers with poses `[B, J, D]` where their lengths are the activations and u was a tensor,
    else with `Capsules(poses, activations)`.

    `weight` is `[I / positions, J, D, E]`, for matrices `[I / positions, J, q, q]`.
    """

    vote_bias: nn.Parameter | None

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
        vote_bias: bool = False,
        init_std: float | None = None,
        backend: str = "auto",
    ) -> None:
        if positions < 1 or in_capsules % positions:
            raise ValueError(
                f"DenseCapsules, positions: expected a divisor of in_capsules={in_capsules}; "
                f"got {positions}; use the height times width of the capsule grid, or 1"
            )
        own = {"bias": bias, "leaky": leaky, "detach": detach}
        own = {name: value for name, value in own.items() if value is not (name == "detach")}
        if routing != "dynamic":
            remedy = "leave it out, or take routing='dynamic'"
            refuse_options(own, "of dynamic routing", remedy, "DenseCapsules")
        super().__init__(
            (in_capsules, in_dim, out_capsules, out_dim),
            in_capsules // positions,
            routing=routing,
            routing_options={**own, **(routing_options or {})},
            iterations=iterations,
            transform=transform,
            init_std=init_std,
            backend=backend,
        )
        if not self.routing.casts_votes:
            given = {"transform": transform, "positions": positions, "init_std": init_std}
            given["vote_bias"] = vote_bias or None
            given = {name: x for name, x in given.items() if x not in ("dense", 1, None)}
            remedy = "leave it out: this routing has none"
            refuse_options(given, "of transforms", remedy, "DenseCapsules")
        self.in_capsules, self.out_capsules, self.positions = in_capsules, out_capsules, positions
        start = torch.zeros(in_capsules // positions, out_capsules, out_dim) if vote_bias else None
        self.register_parameter("vote_bias", None if start is None else nn.Parameter(start))
        self.register_load_state_dict_pre_hook(_read_old_names)

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
        return self._answer(plain, self.route(u, activations, mask))

    def route(
        self,
        u: Float[Tensor, "B I E"],
        activations: Float[Tensor, "B I"] | None = None,
        mask: Bool[Tensor, "B I"] | None = None,
    ) -> Capsules:
        """Parents' poses and activations, whatever the routing."""
        self._check(u)
        check_mask("DenseCapsules", mask, u)
        return route_children(
            self.routing.algorithm(),
            u,
            self.weight,
            self._needed(u, mask) if activations is None else activations,
            mask=mask,
            offset=self._offset(u),
            transform=self.transform,
            backend=self.backend,
        )

    def votes(self, u: Float[Tensor, "B I E"]) -> Float[Tensor, "B I J D"]:
        """Every child's prediction of every parent."""
        self._check(u)
        if not self.routing.casts_votes:
            return cast(VectorRouting, self.routing.algorithm()).cast(u)
        votes = TRANSFORMS[self.transform](u, self.weight)
        offset = self._offset(u)
        return votes if offset is None else votes + offset

    def _offset(self, u: Tensor) -> Tensor | None:
        """What is added to the votes of each child, `[I, J, D]`."""
        if self.vote_bias is None:
            return None
        return self.vote_bias.repeat_interleave(u.shape[1] // len(self.vote_bias), 0)

    def explain(
        self,
        u: Float[Tensor, "B I E"] | Capsules,
        iterations: int | None = None,
        *,
        mask: Bool[Tensor, "B I"] | None = None,
    ) -> Routing:
        """The same routing with all votes at once and the couplings of every iteration (0 where
        `mask` has no child); with `iterations` in place of the layer's own."""
        algorithm = self.routing.algorithm()
        if iterations is not None and not algorithm.one_pass:
            algorithm = replace(algorithm, iterations=iterations)
        u, activations = self._activated(u, mask)
        votes = self._compared(u, mask)
        found = route_votes(algorithm, votes, activations, u=u, mask=mask, history=True)
        if found.history is not None and algorithm.one_pass and iterations is not None:
            found = found._replace(history=found.history.expand(iterations, -1, -1, -1))
        return found

    def gather(
        self,
        u: Float[Tensor, "B I E"] | Capsules,
        couplings: Float[Tensor, "*R B I J"],
        *,
        mask: Bool[Tensor, "B I"] | None = None,
    ) -> tuple[Float[Tensor, "*R B J D"], Float[Tensor, "*R B J"]]:
        """Poses, and the scores of a classifier, that parents make of the children under any
        couplings; those of a child that `mask` has not change nothing."""
        algorithm = self.routing.algorithm()
        u, activations = self._activated(u, mask)
        u = at_least_float32(u)
        children = present(Children(self._compared(u, mask), activations, u), mask)
        algorithm = algorithm.to(children.votes.dtype)
        if mask is not None:
            couplings = couplings.masked_fill(~mask.unsqueeze(-1), 0)
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

    def _activated(self, u: Tensor | Capsules, mask: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Children, and their activations if the routing reads them."""
        poses = u.poses if isinstance(u, Capsules) else u
        check_mask("DenseCapsules", mask, poses)
        return u if isinstance(u, Capsules) else (u, self._needed(u, mask))

    def _compared(self, u: Tensor, mask: Tensor | None) -> Tensor:
        """The votes as the algorithm is given them; of who is not there, those of zeros."""
        self._check(u)
        check_mask("DenseCapsules", mask, u)
        if mask is not None:
            u = u.masked_fill(~mask.unsqueeze(-1), 0)
        return self.votes(u) if self.routing.casts_votes else u.unsqueeze(2)

    def _check(self, u: Tensor) -> None:
        wrong = u.ndim != 3 or u.shape[2] != self.in_dim
        types = self.in_capsules // self.positions if self.takes_any_number else 0
        if wrong or (u.shape[1] != self.in_capsules and (not types or u.shape[1] % types)):
            raise ValueError(
                f"DenseCapsules, u: expected children [B, {self.in_capsules}, {self.in_dim}]; "
                f"got {tuple(u.shape)}; the layer was built for another image size or layer below"
            )

    @property
    def takes_any_number(self) -> bool:
        """Whether children of its types may stand at any number of positions."""
        return self.positions > 1 and not self.routing.per_child

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


def _read_old_names(_: nn.Module, state: dict[str, Any], prefix: str, *__: Any) -> None:
    """Take weights saved before routing was a module of its own."""
    if f"{prefix}bias" in state:
        state[f"{prefix}routing.bias"] = state.pop(f"{prefix}bias")
