"""One door to routing: `route` picks a path and says once why a faster one was refused."""

import warnings
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from torchcaps.ops.routing import dynamic_chunked, dynamic_triton, engines, positions, reference
from torchcaps.ops.routing.algorithm import Algorithm
from torchcaps.ops.routing.backend import BACKENDS, Backend, Problem, plain_dynamic
from torchcaps.ops.routing.dynamic import Dynamic, check_routing
from torchcaps.ops.routing.result import Capsules
from torchcaps.ops.routing.votes import check_children
from torchcaps.ops.routing.windows import Windows

# The first that does not refuse is taken: of the paths of dynamic routing, or of the engines that
# run any algorithm.
FASTEST_FIRST = ("triton", "chunked", "reference")
ENGINES = ("tiled", "whole")


def route(
    u: Float[Tensor, "B I E"],
    weight: Float[Tensor, "T J D E"],
    iterations: int = 3,
    *,
    bias: Float[Tensor, "J D"] | None = None,
    leaky: bool = False,
    detach: bool = True,
    backend: str = "auto",
) -> Float[Tensor, "B J D"]:
    """Parents' poses from children: `dynamic_routing(votes(u, weight), ...)`, by the fastest path.

    Args:
        u: `[B, I, E]` children.
        weight: `[I, J, D, E]`, or `[T, J, D, E]` shared over positions (see `votes`).
        iterations, bias, leaky, detach: see `dynamic_routing`.
        backend: "auto" takes the fastest path that accepts the problem; a name
            (`list_backends()`) insists on that one and raises a `ValueError` where it cannot run.

    Returns:
        `[B, J, D]` in the wider dtype of `u` and `weight`; computed in float32 or wider.

    Every derivative is right: torch.func, forward mode and gradients of gradients take the plain
    path, and with `detach` all of them see constant couplings.
    """
    check_children(u, weight, "route")
    check_routing(weight.shape[1:3], iterations, bias, "route")
    if bias is not None and bias.device != u.device:
        raise ValueError(
            f"route, bias: expected the children's device {u.device}; got {bias.device}; "
            "move both to one device"
        )
    algorithm = Dynamic(iterations=iterations, bias=bias, leaky=leaky, detach=detach)
    problem = Problem(u, weight, algorithm)
    return BACKENDS[choose(problem, backend)].run(problem).poses


def route_children(
    algorithm: Algorithm,
    u: Float[Tensor, "B I E"],
    weight: Float[Tensor, "T J X Y"] | None = None,
    activations: Float[Tensor, "B I"] | None = None,
    *,
    mask: Bool[Tensor, "B I"] | None = None,
    offset: Float[Tensor, "I #J D"] | None = None,
    transform: str = "dense",
    backend: str = "auto",
) -> Capsules:
    """Parents from children, by any algorithm; votes are made in tiles and never all stored where
    that pays.

    Args:
        algorithm: an `Algorithm` with its parameters, as `Dynamic(iterations=3)`.
        u: `[B, I, E]` children.
        weight: transforms; None for an algorithm whose votes are the children themselves.
        activations: `[B, I]` in [0, 1], for algorithms that need them.
        mask: `[B, I]`, True where there is a child; what stands elsewhere changes nothing.
        offset: `[I, J, D]` or `[I, 1, D]`, added to the votes (a bias, coordinates).
        transform: "dense", weight as for `votes`; "matrix", as for `matrix_votes`.
        backend: see `route`; "whole" keeps all votes, "tiled" none.

    Returns:
        `Capsules(poses [B, J, D], activations [B, J])`, computed in float32 or wider; poses in the
        wider dtype of `u` and `weight` (without one, of `u` and the algorithm's tensors).
    """
    problem = Problem(u, weight, algorithm, activations, mask, offset, transform)
    engines.check(problem)
    if backend == "auto":
        problem = _without_mask(problem)
    return BACKENDS[choose(problem, backend)].run(problem)


def route_windows(
    algorithm: Algorithm,
    u: Float[Tensor, "B T *size E"],
    weight: Float[Tensor, "I J X Y"] | None,
    windows: Windows,
    activations: Float[Tensor, "B T *size"] | None = None,
    *,
    mask: Bool[Tensor, "B T *size"] | None = None,
    transform: str = "dense",
    compete_over: Literal["types", "positions"] = "types",
    backend: str = "auto",
) -> Capsules:
    """Parents at every position of a map from the children in their windows, each window routed by
    itself; neither votes nor windows are all stored where that pays.

    Args:
        algorithm, transform, backend: see `route_children`.
        u, activations, mask: maps of T types of children, as `[B, T, *positions, E]`.
        weight: transforms of a window's children, child `k * T + t` being type t at offset k.
        windows: where they look, a `Windows`.
        compete_over: among whom a child is divided: "types", the parents of one position, as if
            each window had children of its own; or "positions", all parents of all positions
            whose windows hold it, as in matrix capsules with EM routing. Then all votes are held.

    Returns:
        `Capsules(poses [B, J, *positions, D], activations [B, J, *positions])`.
    """
    problem = Problem(u, weight, algorithm, activations, mask, None, transform, windows)
    engines.check(problem)
    if compete_over == "positions":
        rows = positions.route_positions(problem)
    else:
        if backend == "auto":
            # Dynamic routing's own paths save more time than windows save memory.
            problem = _without_mask(problem)
            if plain_dynamic(problem._replace(windows=None)):
                problem = problem.unfolded()
        rows = BACKENDS[choose(problem, backend)].run(problem)
    poses, sure = (x.unflatten(0, (u.shape[0], *windows.size)) for x in rows)
    return Capsules(poses.movedim(-2, 1), sure.movedim(-1, 1))


def choose(problem: Problem, backend: str = "auto") -> str:
    """The name of the backend that takes `problem`."""
    if backend != "auto":
        reason = BACKENDS[backend].refuses(problem)
        if reason:
            raise ValueError(
                f"route, backend: expected one that can run this; got {backend!r}, which refuses: "
                f"{reason}; use backend='auto'"
            )
        return backend
    names = FASTEST_FIRST if plain_dynamic(problem) else ENGINES
    for name in names[:-1]:
        if not BACKENDS[name].suits(problem):
            continue
        reason = BACKENDS[name].refuses(problem)
        if reason is None:
            return name
        _say_once(name, reason)
    return names[-1]


def _without_mask(problem: Problem) -> Problem:
    """Children that are not there as children of no length, whose votes change nothing in dynamic
    routing."""
    if problem.mask is None or type(problem.algorithm) is not Dynamic:
        return problem
    gone = ~problem.mask.unsqueeze(-1)
    return problem._replace(u=problem.u.masked_fill(gone, 0), mask=None)


def list_backends() -> list[str]:
    """Names that `route(..., backend=)` accepts beside "auto"."""
    return list(BACKENDS)


_said: set[tuple[str, str]] = set()


def _say_once(name: str, reason: str) -> None:
    if (name, reason) not in _said and not torch.compiler.is_compiling():
        _said.add((name, reason))
        warnings.warn(f"routing without the {name} path: {reason}", stacklevel=4)


BACKENDS.add("reference")(Backend(reference.refuses, reference.run))
BACKENDS.add("chunked")(
    Backend(dynamic_chunked.refuses, dynamic_chunked.run, suits=dynamic_chunked.suits)
)
BACKENDS.add("triton")(
    Backend(dynamic_triton.refuses, dynamic_triton.run, suits=dynamic_triton.suits)
)
BACKENDS.add("whole")(Backend(lambda _: None, engines.run_whole))
BACKENDS.add("tiled")(Backend(engines.refuses_tiles, engines.run_tiled, suits=engines.suits_tiles))
