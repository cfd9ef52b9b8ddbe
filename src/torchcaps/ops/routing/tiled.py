"""The engine that never has all votes: those of a tile are made, used, dropped, and made again for
the gradient. Memory does not grow with I * J * D, for any algorithm, on any device."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from torchcaps.ops.precision import without_autocast
from torchcaps.ops.routing.algorithm import Algorithm, Children, Parents
from torchcaps.ops.routing.moments import Moments
from torchcaps.ops.routing.whole import one_pass, present
from torchcaps.ops.transforms import transformed

# Bytes of a tile's votes: a few of them and the temporaries stay in a core's cache; a GPU wants
# large products.
CPU_BUDGET, GPU_BUDGET = 1 << 20, 1 << 26


class Given(NamedTuple):
    """What votes are made of: `u [B, I, E]`, `weight [T, J, ...]` (None: the children are their own
    votes), `offset [I, 1 or J, D]` to add, `activations`, `mask [B, I]`."""

    u: Tensor
    weight: Tensor | None
    offset: Tensor | None
    activations: Tensor | None
    mask: Tensor | None

    def votes(self, make: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        """`[B, I, J, D]`; who is not there is zero beforehand, so that transforms owe it
        nothing."""
        u = self.u if self.mask is None else self.u.masked_fill(~self.mask.unsqueeze(-1), 0)
        votes = u.unsqueeze(2) if self.weight is None else make(u, self.weight)
        return votes if self.offset is None else votes + self.offset


class Plan(NamedTuple):
    """One pass, but for its tensors."""

    make: Callable[[Tensor, Tensor], Tensor]
    algorithm: Algorithm
    names: tuple[str, ...]
    state: pytree.TreeSpec
    t: int
    tiles: tuple[slice, ...]
    positions: int


def route_tiled(
    algorithm: Algorithm,
    given: Given,
    make: Callable[[Tensor, Tensor], Tensor],
    zeros: Tensor,
) -> tuple[Tensor, Tensor]:
    """Poses and activations of the parents, which `zeros [B, J, D]` has the shape and dtype of."""
    children = given.u.shape[1]
    positions = 1 if given.weight is None else children // given.weight.shape[0]
    tiles = cut(children, positions, zeros.numel() * zeros.element_size(), zeros.device)
    tensors = algorithm.tensors()
    state = algorithm.start(zeros)
    for t in range(algorithm.passes):
        leaves, spec = pytree.tree_flatten(state)
        plan = Plan(make, algorithm, tuple(tensors), spec, t, tiles, positions)
        box: list[pytree.TreeSpec] = []
        flat = _Pass.apply(plan, box, *given, *tensors.values(), *leaves)
        state = algorithm.update(pytree.tree_unflatten(list(flat), box[0]), state, t)
    return algorithm.finish(state)


def cut(children: int, positions: int, each: int, device: torch.device) -> tuple[slice, ...]:
    """Tiles of children whose votes take about the budget, `each` bytes a child: some whole types,
    or a part of one (whose transform all its positions share)."""
    room = max(1, (CPU_BUDGET if device.type == "cpu" else GPU_BUDGET) // max(each, 1))
    if room >= positions:
        step = room // positions * positions
        return tuple(slice(a, min(a + step, children)) for a in range(0, children, step))
    return tuple(
        slice(start + a, start + min(a + room, positions))
        for start in range(0, children, positions)
        for a in range(0, positions, room)
    )


class _Pass(torch.autograd.Function):
    """Statistics of one pass over all tiles."""

    @staticmethod
    def forward(ctx: Any, plan: Plan, box: list, *tensors: Tensor | None) -> tuple[Tensor, ...]:
        total = None
        for tile in plan.tiles:
            some = _statistics(plan, [_view(plan, k, x, tile) for k, x in enumerate(tensors)])
            total = some if total is None else _combine(total, some, Moments.merge, torch.add)
        flat, spec = pytree.tree_flatten(total)
        box.append(spec)
        ctx.plan, ctx.spec, ctx.count = plan, spec, len(tensors)
        ctx.save_for_backward(*tensors, *flat)
        return tuple(flat)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Any, ...]:
        tensors, total = ctx.saved_tensors[: ctx.count], list(ctx.saved_tensors[ctx.count :])
        wanted = ctx.needs_input_grad[2:]
        with without_autocast(grads[0].device):
            if torch.is_grad_enabled() or transformed(*grads):
                found = _again(ctx.plan, tensors, wanted, grads)
            else:
                whole = pytree.tree_unflatten(total, ctx.spec)
                found = _over_tiles(ctx.plan, tensors, wanted, grads, whole)
        return None, None, *found


def _over_tiles(
    plan: Plan, tensors: tuple, wanted: tuple, grads: tuple, whole: Parents
) -> list[Tensor | None]:
    """Gradients by making the votes of each tile again."""
    found: list[Tensor | None] = [None] * len(tensors)
    for tile in plan.tiles:
        leaves = [_view(plan, k, x, tile) for k, x in enumerate(tensors)]
        leaves = [
            x.detach().requires_grad_() if want and x is not None else x
            for x, want in zip(leaves, wanted, strict=True)
        ]
        with torch.enable_grad():
            some = _statistics(plan, leaves)
            shares = _combine(some, whole, Moments.share, lambda share, _: share)
        for k, grad in enumerate(_pull(shares, leaves, wanted, grads)):
            if grad is not None:
                if found[k] is None:
                    found[k] = torch.zeros_like(tensors[k])
                view = _view(plan, k, found[k], tile)
                assert view is not None
                view.add_(grad)
    return found


def _again(plan: Plan, tensors: tuple, wanted: tuple, grads: tuple) -> list[Tensor | None]:
    """Gradients that can be differentiated again: all votes at once."""
    # Through views, so that what one input owes to another (the state to the children) stays out.
    with torch.enable_grad():
        leaves = [None if x is None else x.view_as(x) for x in tensors]
        statistics = _statistics(plan, leaves)
    return _pull(statistics, leaves, wanted, grads, create_graph=True)


def _pull(
    statistics: Parents, leaves: list, wanted: tuple, grads: tuple, create_graph: bool = False
) -> list[Tensor | None]:
    """The gradient of each of `leaves` that is wanted, given that of each statistic."""
    pairs = zip(pytree.tree_leaves(statistics), grads, strict=True)
    pairs = [(out, grad) for out, grad in pairs if out.requires_grad]
    found: list[Tensor | None] = [None] * len(leaves)
    at = [k for k, want in enumerate(wanted) if want]
    if pairs and at:
        outputs, cotangents = zip(*pairs, strict=True)
        inputs = [leaves[k] for k in at]
        pulled = torch.autograd.grad(
            outputs, inputs, cotangents, create_graph=create_graph, allow_unused=True
        )
        for k, grad in zip(at, pulled, strict=True):
            found[k] = grad
    return found


def _statistics(plan: Plan, tensors: Sequence[Tensor | None]) -> Parents:
    """What the children among `tensors` send to the parents."""
    given = Given(*tensors[: len(Given._fields)])  # pyright: ignore[reportArgumentType]
    rest = list(tensors[len(Given._fields) :])
    own = {name: rest.pop(0) for name in plan.names}
    algorithm = replace(plan.algorithm, **own)
    state = pytree.tree_unflatten(rest, plan.state)
    children = Children(given.votes(plan.make), given.activations, given.u)
    return one_pass(algorithm, present(children, given.mask), given.mask, state, plan.t)[0]


def _view(plan: Plan, k: int, x: Tensor | None, tile: slice) -> Tensor | None:
    """The part of the k-th tensor of a pass that belongs to the children of `tile`."""
    if x is None:
        return None
    if k < len(Given._fields):
        name = Given._fields[k]
        if name == "weight":
            return x[tile.start // plan.positions : -(-tile.stop // plan.positions)]
        return x[tile] if name == "offset" else x[:, tile]
    # An algorithm's field may have a name of Given's, as the offset of a LayerNorm has.
    names = plan.names[k - len(Given._fields) :]
    return x[tile] if names and names[0] in plan.algorithm.of_children and len(x) > 1 else x


def _combine(a: Parents, b: Parents, moments: Callable, plain: Callable) -> Parents:
    """`moments(a, b)` of moments, `plain(a, b)` of other tensors, through tuples."""
    if isinstance(a, Moments):
        return moments(a, b)
    if isinstance(a, Tensor):
        return plain(a, b)
    return tuple(_combine(x, y, moments, plain) for x, y in zip(a, b, strict=True))
