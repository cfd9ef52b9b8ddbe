"""The engine that never has all votes: those of a tile are made, used, dropped, and made again for
the gradient. Memory does not grow with I * J * D, for any algorithm, on any device."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from torchcaps.ops.precision import without_autocast
from torchcaps.ops.routing.algorithm import Algorithm, Parents
from torchcaps.ops.routing.moments import Moments
from torchcaps.ops.routing.tiles import Given, Plan, budget_of, combine, cut
from torchcaps.ops.routing.windows import Tile, Windows
from torchcaps.ops.transforms import transformed


def route_tiled(
    algorithm: Algorithm,
    given: Given,
    make: Callable[[Tensor, Tensor], Tensor],
    zeros: Tensor,
    windows: Windows | None = None,
) -> tuple[Tensor, Tensor]:
    """Poses and activations of the parents, which `zeros [B, J, D]` has the shape and dtype of; of
    windows, `[B * P, J, D]`."""
    budget = budget_of(zeros.device)
    row = zeros[0].numel() * zeros.element_size() * algorithm.copies
    positions = 1
    if windows is not None:
        rows, of = windows.tiles(len(given.u), given.u.shape[1], row, budget)
    else:
        children = given.u.shape[1]
        positions = 1 if given.weight is None else children // given.weight.shape[0]
        rows, of = cut(len(zeros), children, positions, row, budget)
    tensors = algorithm.tensors()
    leaves, spec = pytree.tree_flatten(algorithm.start(zeros))
    plan = Plan(make, algorithm, tuple(tensors), spec, rows, of, positions, windows)
    state = _Tiled.apply(plan, *given, *tensors.values(), *leaves)
    return algorithm.finish(pytree.tree_unflatten(list(state), spec))


class _Tiled(torch.autograd.Function):
    """The parents' last state, leaf by leaf, by passes over the tiles."""

    @staticmethod
    def forward(ctx: Any, plan: Plan, *tensors: Tensor | None) -> tuple[Tensor, ...]:
        fixed = tensors[: len(tensors) - plan.state.num_leaves]
        start = [x for x in tensors[len(fixed) :] if x is not None]
        ends, kept = [], []
        for rows in plan.rows:
            state = [x[rows] for x in start]
            for t in range(plan.algorithm.passes):
                total = None
                for children in plan.children:
                    tile = Tile(rows, children)
                    views = [plan.view(k, x, tile) for k, x in enumerate((*fixed, *state))]
                    some = plan.statistics(views, t)
                    total = (
                        some if total is None else combine(total, some, Moments.merge, torch.add)
                    )
                leaves, ctx.spec = pytree.tree_flatten(total)
                kept += [*state, *leaves]
                state = plan.update(total, (*fixed, *state), t)
            ends.append(state)
        ctx.plan, ctx.count = plan, len(tensors)
        ctx.save_for_backward(*tensors, *kept)
        return tuple(torch.cat(parts) for parts in zip(*ends, strict=True))

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Any, ...]:
        plan, saved = ctx.plan, ctx.saved_tensors
        tensors, kept = saved[: ctx.count], saved[ctx.count :]
        wanted = ctx.needs_input_grad[1:]
        with without_autocast(grads[0].device):
            if torch.is_grad_enabled() or transformed(*grads):
                return None, *_again(plan, tensors, wanted, grads)
            found: list[Tensor | None] = [None] * len(tensors)
            size = len(kept) // len(plan.rows)
            for k, rows in enumerate(plan.rows):
                some = [None if grad is None else grad[rows] for grad in grads]
                own = kept[k * size : (k + 1) * size]
                _backwards(plan, rows, tensors, wanted, some, own, ctx.spec, found)
        return None, *found


def _backwards(
    plan: Plan, rows: slice, tensors: tuple, wanted: tuple, grads: list, kept: tuple,
    spec: pytree.TreeSpec, found: list,
) -> None:  # fmt: skip
    """Add the gradients of these rows to `found`, by making the votes of each tile again, pass by
    pass from the last."""
    states = plan.state.num_leaves
    first = len(tensors) - states
    fixed = tensors[:first]
    size = len(kept) // plan.algorithm.passes
    for t in reversed(range(plan.algorithm.passes)):
        state, total = kept[t * size :][:states], kept[t * size + states : (t + 1) * size]
        now = (*fixed, *state)
        wants = (*wanted[:first], *[True] * states)
        # Through the update: what the statistics, the state and the algorithm's tensors owe to it.
        leaves, sums = _leaves(now, wants), _leaves(total, [True] * len(total))
        with torch.enable_grad():
            after = plan.update(pytree.tree_unflatten(sums, spec), leaves, t)
        pulled = _pull(after, [*leaves, *sums], [*wants, *[True] * len(sums)], grads)
        later, of_sums = pulled[: len(now)], pulled[len(now) :]
        for k, grad in enumerate(later[:first]):
            _add(found, k, grad, tensors[k], lambda x: x)
        before = later[first:]
        if any(grad is not None for grad in of_sums):
            whole = pytree.tree_unflatten(list(total), spec)
            for children in plan.children:
                tile = Tile(rows, children)
                _through_tile(plan, tile, now, wants, of_sums, whole, t, found, before)
        grads = before
        if all(grad is None for grad in grads):
            return
    for k, grad in enumerate(grads, first):
        _add(found, k, grad, tensors[k], lambda x: x[rows])


def _through_tile(
    plan: Plan, tile: Tile, now: tuple, wants: tuple, of_sums: list, whole: Parents, t: int,
    found: list, before: list,
) -> None:  # fmt: skip
    """Add to `found`, and for the state to `before`, what one pass over the tile owes."""
    first = len(now) - plan.state.num_leaves
    leaves = _leaves([plan.view(k, x, tile) for k, x in enumerate(now)], wants)
    with torch.enable_grad():
        some = plan.statistics(leaves, t)
        shares = combine(some, whole, Moments.share, lambda share, _: share)
    outputs: list[Any] = pytree.tree_leaves(shares)
    for k, grad in enumerate(_pull(outputs, leaves, wants, of_sums)):
        if k < first:
            _add(found, k, grad, now[k], lambda x, k=k: plan.view(k, x, tile))
        else:
            _add(before, k - first, grad, now[k], lambda x: x)


def _add(into: list, k: int, grad: Tensor | None, like: Tensor | None, part: Callable) -> None:
    """Add `grad` to the part of the k-th gradient that it is of; None is zero."""
    if grad is not None:
        assert like is not None
        if into[k] is None:
            into[k] = torch.zeros_like(like)
        part(into[k]).add_(grad)


def _again(plan: Plan, tensors: tuple, wanted: tuple, grads: tuple) -> list[Tensor | None]:
    """Gradients that can be differentiated again: all votes at once."""
    first = len(tensors) - plan.state.num_leaves
    # Through views, so that what one input owes to another stays out.
    with torch.enable_grad():
        leaves = [None if x is None else x.view_as(x) for x in tensors]
        now = list(leaves)
        for t in range(plan.algorithm.passes):
            now[first:] = plan.update(plan.statistics(now, t, everything=True), now, t)
    outputs: list[Any] = now[first:]
    return _pull(outputs, leaves, wanted, grads, create_graph=True)


def _leaves(tensors: Sequence[Tensor | None], wanted: Sequence[bool]) -> list[Any]:
    """The same values, to be differentiated by where wanted."""
    pairs = zip(tensors, wanted, strict=True)
    return [
        x.detach().requires_grad_() if want and x is not None and x.is_floating_point() else x
        for x, want in pairs
    ]


def _pull(
    outputs: Sequence[Tensor],
    inputs: Sequence[Tensor | None],
    wanted: Sequence[bool],
    grads: Sequence[Tensor | None],
    create_graph: bool = False,
) -> list[Tensor | None]:
    """The gradient of each wanted input, given those of the outputs; None is zero."""
    pairs = [
        (out, grad)
        for out, grad in zip(outputs, grads, strict=True)
        if grad is not None and out.requires_grad
    ]
    found: list[Tensor | None] = [None] * len(inputs)
    at = {k: x for k, x in enumerate(inputs) if wanted[k] and x is not None}
    if pairs and at:
        outs, cotangents = zip(*pairs, strict=True)
        pulled = torch.autograd.grad(
            outs, list(at.values()), cotangents, create_graph=create_graph, allow_unused=True
        )
        for k, grad in zip(at, pulled, strict=True):
            found[k] = grad
    return found
