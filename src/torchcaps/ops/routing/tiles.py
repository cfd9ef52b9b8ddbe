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
from torchcaps.ops.routing.windows import Tile, Windows

# Bytes of all that a tile makes of its votes, `Algorithm.copies` tensors of their size: on a CPU
# they should stay in the cache, a GPU wants large products.
CPU_BUDGET, GPU_BUDGET = 1 << 23, 1 << 28


class Given(NamedTuple):
    """What votes are made of: `u [B, I, E]`, `weight [T, J, ...]` (None: the children are their own
    votes), `offset [I, 1 or J, D]` to add, `activations`, `mask [B, I]`; for windows the first and
    the last two are maps."""

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

    def rows(self, arrange: Callable[[Tensor], Tensor]) -> "Given":
        """Maps as rows of children."""
        u, activations, mask = (
            None if x is None else arrange(x) for x in (self.u, self.activations, self.mask)
        )
        assert u is not None
        return self._replace(u=u, activations=activations, mask=mask)


class Plan(NamedTuple):
    """A routing, but for its tensors."""

    make: Callable[[Tensor, Tensor], Tensor]
    algorithm: Algorithm
    names: tuple[str, ...]
    """Of the algorithm's tensors."""
    state: pytree.TreeSpec
    rows: list[slice]
    """Of the parents' first axis: each is routed by itself."""
    children: list[slice]
    positions: int
    windows: Windows | None

    def split(self, tensors: Sequence[Any]) -> tuple[Given, Algorithm, Parents]:
        """What the children are, the algorithm with these tensors, and the parents' state."""
        given = Given(*tensors[: len(Given._fields)])
        rest = list(tensors[len(Given._fields) :])
        own = {name: rest.pop(0) for name in self.names}
        return given, replace(self.algorithm, **own), pytree.tree_unflatten(rest, self.state)

    def statistics(self, tensors: Sequence[Any], t: int, everything: bool = False) -> Parents:
        """What the children among `tensors` send to the parents in pass t: those of a tile, or
        everything there is."""
        given, algorithm, state = self.split(tensors)
        if self.windows is not None:
            given = given.rows(self.windows.all_rows if everything else self.windows.rows)
        children = Children(given.votes(self.make), given.activations, given.u)
        return one_pass(algorithm, present(children, given.mask), given.mask, state, t)[0]

    def update(self, statistics: Parents, tensors: Sequence[Any], t: int) -> list[Tensor]:
        """The parents after pass t, leaf by leaf."""
        _, algorithm, state = self.split(tensors)
        return pytree.tree_leaves(algorithm.update(statistics, state, t))

    def view(self, k: int, x: Tensor | None, tile: Tile) -> Tensor | None:
        """The part of the k-th tensor that belongs to `tile`; of the state, the rows themselves."""
        if x is None:
            return None
        if k < len(Given._fields):
            name = Given._fields[k]
            if name == "weight":
                of_types = slice(
                    tile.children.start // self.positions, -(-tile.children.stop // self.positions)
                )
                return x[of_types]
            if name == "offset":
                return x[tile.children]
            return x[tile] if self.windows is None else self.windows.part(x, tile)
        k -= len(Given._fields)
        of_children = k < len(self.names) and self.names[k] in self.algorithm.of_children
        return x[tile.children] if of_children and x.shape[0] > 1 else x


def budget_of(device: torch.device) -> int:
    """Bytes of all that a tile makes of its votes."""
    return CPU_BUDGET if device.type == "cpu" else GPU_BUDGET


def cut(
    rows: int, children: int, positions: int, row: int, budget: int
) -> tuple[list[slice], list[slice]]:
    """Rows and children of tiles that take about `budget` bytes at `row` bytes a vote: some whole
    types, or a part of one (whose transform all its positions share), of all rows; where even one
    child of all rows takes more, of some."""
    fit = max(1, budget // max(row, 1))
    some = min(rows, fit)
    of_rows = [slice(a, min(a + some, rows)) for a in range(0, rows, some)]
    room = fit // some
    if room >= positions:
        step = room // positions * positions
        return of_rows, [slice(a, min(a + step, children)) for a in range(0, children, step)]
    return of_rows, [
        slice(start + a, start + min(a + room, positions))
        for start in range(0, children, positions)
        for a in range(0, positions, room)
    ]


def combine(a: Parents, b: Parents, moments: Callable, plain: Callable) -> Parents:
    """`moments(a, b)` of moments, `plain(a, b)` of other tensors, through tuples."""
    if isinstance(a, Moments):
        return moments(a, b)
    if isinstance(a, Tensor):
        return plain(a, b)
    return tuple(combine(x, y, moments, plain) for x, y in zip(a, b, strict=True))
