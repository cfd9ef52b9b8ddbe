"""Windows of a map of children: who sends to the parents of which position."""

from itertools import product
from math import prod
from typing import NamedTuple

import torch
from torch import Tensor


class Tile(NamedTuple):
    """Some rows of the parents (images, or positions of a map), some of their children."""

    rows: slice
    children: slice


class Windows(NamedTuple):
    """The parents at position p of a map of `size` see, for offset k and type t of the children,
    the child at `p * stride + offsets[k]` as child `k * types + t` of their window.

    Maps are `[B, types, *positions, ...]`; every window is a row of children: `[B * P, I, ...]`.
    """

    offsets: tuple[tuple[int, ...], ...]
    stride: tuple[int, ...]
    size: tuple[int, ...]

    @property
    def positions(self) -> int:
        """P."""
        return prod(self.size)

    def part(self, x: Tensor, tile: Tile) -> Tensor:
        """A view of the map: what the windows `tile.rows`, whole images or lines of one, see at
        `tile.children`, types at one offset: `[b, t, *positions, ...]`."""
        types, all_rows = x.shape[1], self.positions
        k, first = divmod(tile.children.start, types)
        start, stop = tile.rows.start, tile.rows.stop
        if start % all_rows == stop % all_rows == 0:
            images, lines = slice(start // all_rows, stop // all_rows), (0, self.size[0])
        else:
            image, line = start // all_rows, all_rows // self.size[0]
            images = slice(image, image + 1)
            lines = (start % all_rows // line, (stop - 1) % all_rows // line + 1)
        seen = [
            slice(offset + step * a, offset + step * (b - 1) + 1, step)
            for offset, step, (a, b) in zip(
                self.offsets[k], self.stride, (lines, *((0, n) for n in self.size[1:])), strict=True
            )
        ]
        wanted = slice(first, first + tile.children.stop - tile.children.start)
        return x[(images, wanted, *seen)]

    def rows(self, x: Tensor) -> Tensor:
        """A part of the map, `[b, t, *positions, ...]`, as `[rows, t, ...]`."""
        axes = len(self.size)
        return x.movedim(1, axes + 1).flatten(0, axes)

    def all_rows(self, x: Tensor) -> Tensor:
        """The map as `[B * P, I, ...]`: a child stands once in every window that sees it."""
        whole = slice(0, x.shape[0] * self.positions)
        types = x.shape[1]
        each = [
            self.rows(self.part(x, Tile(whole, slice(k * types, (k + 1) * types))))
            for k in range(len(self.offsets))
        ]
        return torch.cat(each, 1)

    def tiles(self, images: int, types: int, row: int, budget: int) -> tuple[list[slice], ...]:
        """Rows and children of tiles that take about `budget` bytes at `row` bytes a vote: images,
        or lines of one, and types at one offset."""
        all_rows, line = self.positions, self.positions // self.size[0]
        fit = max(1, budget // row)
        if fit >= all_rows:
            step = fit // all_rows * all_rows
            rows = [
                slice(a, min(a + step, images * all_rows))
                for a in range(0, images * all_rows, step)
            ]
        else:
            step = max(1, fit // line) * line
            rows = [
                slice(image + a, image + min(a + step, all_rows))
                for image in range(0, images * all_rows, all_rows)
                for a in range(0, all_rows, step)
            ]
        room = max(1, fit // max(x.stop - x.start for x in rows))
        children = [
            slice(k * types + a, k * types + min(a + room, types))
            for k, a in product(range(len(self.offsets)), range(0, types, room))
        ]
        return rows, children
