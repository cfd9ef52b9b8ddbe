"""Tiles of children: what belongs to one, and how large it is."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from torchcaps.ops.routing.algorithm import Algorithm, Children, Parents
from torchcaps.ops.routing.moments import Moments
from torchcaps.ops.routing.whole import one_pass, present

# Bytes of all that a tile makes of its votes, `Algorithm.copies` tensors of their size: on a CPU
# they should stay in the cache, a GPU wants large products.
CPU_BUDGET, GPU_BUDGET = 1 << 23, 1 << 28


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
    """A routing, but for its tensors."""

    make: Callable[[Tensor, Tensor], Tensor]
    algorithm: Algorithm
    names: tuple[str, ...]
    """Of the algorithm's tensors."""
    state: pytree.TreeSpec
    tiles: tuple[slice, ...]
    positions: int

    def split(self, tensors: Sequence[Any]) -> tuple[Given, Algorithm, Parents]:
        """What the children are, the algorithm with these tensors, and the parents' state."""
        given = Given(*tensors[: len(Given._fields)])
        rest = list(tensors[len(Given._fields) :])
        own = {name: rest.pop(0) for name in self.names}
        return given, replace(self.algorithm, **own), pytree.tree_unflatten(rest, self.state)

    def statistics(self, tensors: Sequence[Any], t: int) -> Parents:
        """What the children among `tensors` send to the parents in pass t."""
        given, algorithm, state = self.split(tensors)
        children = Children(given.votes(self.make), given.activations, given.u)
        return one_pass(algorithm, present(children, given.mask), given.mask, state, t)[0]

    def update(self, statistics: Parents, tensors: Sequence[Any], t: int) -> list[Tensor]:
        """The parents after pass t, leaf by leaf."""
        _, algorithm, state = self.split(tensors)
        return pytree.tree_leaves(algorithm.update(statistics, state, t))

    def view(self, k: int, x: Tensor | None, tile: slice) -> Tensor | None:
        """The part of the k-th tensor that belongs to the children of `tile`."""
        if x is None:
            return None
        if k < len(Given._fields):
            name = Given._fields[k]
            if name == "weight":
                return x[tile.start // self.positions : -(-tile.stop // self.positions)]
            return x[tile] if name == "offset" else x[:, tile]
        k -= len(Given._fields)
        of_children = k < len(self.names) and self.names[k] in self.algorithm.of_children
        return x[tile] if of_children and x.shape[0] > 1 else x


def cut(children: int, positions: int, each: int, device: torch.device) -> tuple[slice, ...]:
    """Tiles of children that take about the budget at `each` bytes a child: some whole types, or a
    part of one (whose transform all its positions share)."""
    room = max(1, (CPU_BUDGET if device.type == "cpu" else GPU_BUDGET) // max(each, 1))
    if room >= positions:
        step = room // positions * positions
        return tuple(slice(a, min(a + step, children)) for a in range(0, children, step))
    return tuple(
        slice(start + a, start + min(a + room, positions))
        for start in range(0, children, positions)
        for a in range(0, positions, room)
    )


def combine(a: Parents, b: Parents, moments: Callable, plain: Callable) -> Parents:
    """`moments(a, b)` of moments, `plain(a, b)` of other tensors, through tuples."""
    if isinstance(a, Moments):
        return moments(a, b)
    if isinstance(a, Tensor):
        return plain(a, b)
    return tuple(combine(x, y, moments, plain) for x, y in zip(a, b, strict=True))
