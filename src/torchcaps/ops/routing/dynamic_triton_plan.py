"""How a problem is cut into programs, and the constants its kernels are compiled with.

Tiles follow from the shapes alone, never from timing: the same inputs add up in the same order on
every run, and nothing is tuned inside a CUDA graph.
"""

from typing import NamedTuple

import torch
from torch import Tensor

COLUMNS = 64  # numbers of children a tile holds for each image
ROWS_BY_DIM = 1024  # images in a tile, times D: with both, no kernel spills at D = 16 on Hopper
PROGRAMS = 1024  # a few per multiprocessor of a large card: work is split until there are so many
MOST_SPLITS = 32
PARTIAL_BLOCK = 4096  # numbers of all splits that one program of a squash kernel adds up


class Tiles(NamedTuple):
    """How much of a problem one program holds."""

    images: int
    children: int
    warps: int


class Plan:
    """Sizes of one problem, and the constants its kernels are compiled with."""

    def __init__(self, u: Tensor, weight: Tensor, leaky: bool) -> None:
        batch, children, e = u.shape
        types, self.parents, d, _ = weight.shape
        positions = children // types
        pad_d = max(16, _power_of_two(d))
        tile = default_tiles(batch, pad_d, e)

        self.sizes = (batch, children, types)
        self.image_tiles = _ceil(batch, tile.images)
        self.child_tiles = _ceil(children, tile.children)
        self.type_tiles = _ceil(types, tile.children)
        self.works = self.image_tiles * positions
        self.sum_splits = _splits(self.image_tiles * self.parents, self.child_tiles)
        self.weight_splits = _splits(self.type_tiles * self.parents, self.works)
        self.meta = {
            "POSITIONS": positions,
            "LEAKY": int(leaky),
            "J": self.parents,
            "D": d,
            "E": e,
            "PAD_D": pad_d,
            "PAD_E": _power_of_two(e),
            "BLOCK_B": tile.images,
            "BLOCK_I": tile.children,
            "PRECISION": product_precision(u, weight),
            "num_warps": tile.warps,
        }
        # The squash kernels see one parent of one image as a row.
        pad_s = _power_of_two(self.sum_splits)
        self.rows = batch * self.parents
        self.row_meta = {
            "D": d,
            "PAD_D": pad_d,
            "SPLITS": self.sum_splits,
            "PAD_S": pad_s,
            "BLOCK_R": max(1, PARTIAL_BLOCK // (pad_s * pad_d)),
        }
        self.row_grid = (_ceil(self.rows, self.row_meta["BLOCK_R"]),)


def default_tiles(batch: int, pad_d: int, child_dim: int) -> Tiles:
    """Tiles that fit the registers; small batches take less than a full one."""
    images = max(16, min(ROWS_BY_DIM // pad_d, _power_of_two(batch)))
    return Tiles(images, max(1, COLUMNS // _power_of_two(child_dim)), warps=4)


def product_precision(u: Tensor, weight: Tensor) -> str:
    """How the matrix unit multiplies float32 numbers.

    "tf32" keeps all 11 bits of a half-precision factor; three of its products are as exact as
    float32. Where there is no such unit, plain float32.
    """
    if not u.is_cuda or torch.version.hip or torch.cuda.get_device_capability(u.device) < (8, 0):
        return "ieee"
    return "tf32x3" if u.dtype == weight.dtype == torch.float32 else "tf32"


def outputs(u: Tensor, weight: Tensor, iterations: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Room for what routing returns: poses, sums, totals and normalisers (see launch.forward)."""
    batch, children, _ = u.shape
    _, parents, dim, _ = weight.shape
    sums = u.new_empty((iterations, batch, parents, dim), dtype=torch.float32)
    poses = sums.new_empty(sums.shape[1:], dtype=torch.promote_types(u.dtype, weight.dtype))
    totals = sums.new_empty((iterations - 1, batch, parents, dim))
    return poses, sums, totals, sums.new_empty((iterations - 1, batch, children))


def _splits(programs: int, work: int) -> int:
    return max(1, min(PROGRAMS // programs, work, MOST_SPLITS))


def _ceil(count: int, block: int) -> int:
    return -(-count // block)


def _power_of_two(least: int) -> int:
    return 1 << (least - 1).bit_length()
