"""A tile: some children of some images and their transforms, few enough to stay in the cache.

Beside the letters: T types of children, P positions of each, I = T * P; P is 1 where every child
has a transform of its own. A tile lays its children *last*, `u [B, E, T, P]`, `weight [J, D, E*T]`:
sums over E or J then run down long rows of children, several times faster than over 8 neighbours.
"""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

# Bytes of a tile's largest temporary, `[J, B, E, T, P]`. Twice as much is a few percent faster on a
# CPU; half as much a fifth slower: PyTorch sums fewer than 32,768 numbers on one core.
CPU_BUDGET, GPU_BUDGET = 5 << 18, 1 << 26
# A tile has about this many children and images, where there are so many; children come in
# multiples of a vector register's floats, where that fits.
CHILDREN, FEW_ROWS, LANES = 64, 16, 16
# Bytes of tiles that are kept from pass to pass; larger problems are cut anew in each.
KEEP = 1 << 26


class Sizes(NamedTuple):
    """How much of each axis one tile takes."""

    rows: int
    types: int
    positions: int


def tile_sizes(batch: int, types: int, positions: int, parts: int, budget: int) -> Sizes:
    """The largest tile whose `parts` (J * E) numbers per child and image come to `budget` numbers.

    First enough children for the inner loops, then images, then more children if images ran out.

    >>> tile_sizes(batch=128, types=1152, positions=1, parts=10 * 8, budget=5 << 16)
    Sizes(rows=64, types=64, positions=1)
    """
    room = max(1, budget // parts)
    children = max(1, min(CHILDREN, room // max(1, min(batch, FEW_ROWS))))
    rows = _even(batch, room // children)
    if rows == batch:
        children = max(1, room // rows)
    some = _even(types, children // positions)
    whole = -(-some // LANES) * LANES
    if whole <= min(types, children // positions):
        some = whole
    return Sizes(rows, some, _even(positions, children))


class Tile(NamedTuple):
    """`u [B, E, T, P]`, `weight [J, D, E*T]`, and where they were cut from."""

    u: Tensor
    weight: Tensor
    rows: slice
    types: slice
    positions: slice

    def pull(self, poses: Tensor) -> Tensor:
        """`poses_j W_ij`, the poses as children see them: `[J, B, D] -> [J, B, E, T, 1]`."""
        parents, batch, _ = poses.shape
        return torch.bmm(poses, self.weight).view(parents, batch, self.u.shape[1], -1, 1)

    def agreement(self, poses: Tensor) -> Tensor:
        """`poses_j . votes_ij`: `[J, B, D] -> [J, B, T, P]`."""
        return times(self.pull(poses), self.u).sum(2)

    def spread(self, shares: Tensor) -> Tensor:
        """`shares_ij u_i`, summed over positions: `[J, B, T, P] -> [J, B, E*T]`."""
        return over_positions(shares.unsqueeze(-3) * self.u).flatten(-2)

    def gather(self, spread: Tensor, into: Tensor) -> None:
        """Add `sum_i spread_ij W_ij`, what reaches the parents: `[J, B, E*T] -> [J, B, D]`."""
        # Not baddbmm_, which is slow where `into` is not contiguous.
        into.add_(torch.bmm(spread, self.weight.mT))


def times(pulled: Tensor, by: Tensor) -> Tensor:
    """`pulled * by`, written over `pulled` where there is but one position."""
    return pulled.mul_(by) if by.shape[-1] == 1 else pulled * by


def over_positions(x: Tensor) -> Tensor:
    """Sum over the last axis, for nothing where there is but one position."""
    return x.squeeze(-1) if x.shape[-1] == 1 else x.sum(-1)


class Tiling:
    """The tiles of `u [B, I, E]` and `weight [T, J, D, E]`, in `dtype`.

    passes: how often they are gone over; tiles of small problems are then kept.
    """

    def __init__(self, u: Tensor, weight: Tensor, dtype: torch.dtype, passes: int = 1) -> None:
        types, parents, _, child_dim = weight.shape
        self.u = u.unflatten(1, (types, -1))
        self.weight = weight
        self.dtype = dtype
        numbers = (CPU_BUDGET if u.device.type == "cpu" else GPU_BUDGET) // dtype.itemsize
        self.sizes = tile_sizes(len(u), types, self.u.shape[2], parents * child_dim, numbers)
        self.types = list(_slices(types, self.sizes.types))
        keep = passes > 1 and (u.numel() + weight.numel()) * dtype.itemsize <= KEEP
        self._kept = list(self._cut()) if keep else None

    def __iter__(self) -> Iterator[Tile]:
        return self._cut() if self._kept is None else iter(self._kept)

    def _cut(self) -> Iterator[Tile]:
        for types in self.types:
            # As the transpose of a matrix: PyTorch copies that in blocks, other permutations not.
            weight = self._copy(self.weight[types].flatten(1).t())
            weight = weight.view(*self.weight.shape[1:3], -1)
            for rows in _slices(len(self.u), self.sizes.rows):
                for positions in _slices(self.u.shape[2], self.sizes.positions):
                    u = self.u[rows, types, positions].permute(0, 3, 1, 2)
                    yield Tile(self._copy(u), weight, rows, types, positions)

    def _copy(self, x: Tensor) -> Tensor:
        return torch.empty(x.shape, dtype=self.dtype, device=x.device).copy_(x)


class Gradients:
    """Gradients of `u` and `weight`, gathered over `tiles`; None where not wanted."""

    def __init__(self, tiles: Tiling, wants_u: bool, wants_weight: bool) -> None:
        self.tiles = tiles
        u, weight, dtype = tiles.u, tiles.weight, tiles.dtype
        self.u = u.new_zeros(u.shape, dtype=dtype) if wants_u else None
        self.weight = weight.new_zeros(weight.shape, dtype=dtype) if wants_weight else None

    def add_u(self, tile: Tile, du: Tensor) -> None:
        """Add the `[B, E, T, P]` of a tile."""
        if self.u is not None:
            self.u[tile.rows, tile.types, tile.positions].add_(du.permute(0, 2, 3, 1))

    def laid(self, tile: Tile) -> Tensor | None:
        """The gradient of the tile's `weight`, `[J, D, E*T]`, to be added to.

        Until `finish`, its memory is that of `weight[types]`, laid as the tile is.
        """
        if self.weight is None:
            return None
        return self.weight[tile.types].view(*self.weight.shape[1:3], -1)

    def add_weight(self, tile: Tile, poses: Tensor, spread: Tensor) -> None:
        """Add `sum_b poses_j spread_ij^T`: `[J, B, D]`, `[J, B, E*T] -> [J, D, E*T]`."""
        laid = self.laid(tile)
        if laid is not None:
            laid.baddbmm_(poses.mT, spread)

    def finish(self) -> tuple[Tensor | None, Tensor | None]:
        """`[B, I, E]` and `[T, J, D, E]`."""
        if self.weight is not None:
            for types in self.tiles.types:
                block = self.weight[types].flatten(1)
                block.copy_(block.view(block.shape[1], -1).clone().t())
        return None if self.u is None else self.u.flatten(1, 2), self.weight


def _even(length: int, most: int) -> int:
    """The step that goes over `length` in as few and as even parts as steps of `most` would."""
    return -(-length // max(1, -(-length // max(1, most)))) or 1


def _slices(length: int, step: int) -> Iterator[slice]:
    for start in range(0, length, step):
        yield slice(start, min(start + step, length))
