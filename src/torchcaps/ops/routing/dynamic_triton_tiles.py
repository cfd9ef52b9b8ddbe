r"""The GPU kernels of routing by agreement: tiles of votes live in registers and nowhere else.

A program holds a tile of children, `[rows of the batch, columns]`, where a column is one number of
one child (child, e), and walks over the parents j. All it ever needs of the votes are

    pulled_j = x_j W_j     [rows, D] @ [D, columns]    what x_j says to every number of every child

because votes . x = u . (x W). With x = V, the sum of the poses so far, the logits are
`sum_e u (V_j W_j)`; with x = ds the same product is the gradient of a child's number. The weighted
sum is `(c_j u) W_j^T`. So the votes of one parent are formed at a time, in the shape a matrix unit
likes, for any number of parents, and the softmax over the parents needs only its normaliser
`lse = log sum_j exp(logits)`, which is all that a pass keeps: `[B, I]`.

Everything is float32 from the load on. No atomics: every number has one writer, and what is
split over programs is added in a fixed order, so that results repeat bit by bit.

Letters as everywhere; T types of child (I = T * POSITIONS), V totals, S splits.
J, D, E are constants of a compiled kernel; PAD_D, PAD_E the next powers of two (D at least 16,
the shortest product of a matrix unit). Columns = BLOCK_I * PAD_E.
"""

from typing import no_type_check

import triton
import triton.language as tl


@triton.jit
@no_type_check
def load_children(u, rows, child, e, B, I, E: tl.constexpr):
    """`u` at these children: `[rows, columns]`, 0 outside."""
    inside = (rows < B)[:, None] & ((child < I) & (e < E))[None, :]
    at = rows[:, None] * (I * E) + (child * E + e)[None, :]
    return tl.load(u + at, mask=inside, other=0.0).to(tl.float32)


@triton.jit
@no_type_check
def load_transform(
    weight, j, kind, e, T, J: tl.constexpr, D: tl.constexpr, E: tl.constexpr, PAD_D: tl.constexpr
):
    """`W_j` of these types of child: `[D, columns]`, 0 outside."""
    d = tl.arange(0, PAD_D)
    inside = (d < D)[:, None] & ((kind < T) & (e < E))[None, :]
    at = ((kind * J + j) * D * E + e)[None, :] + d[:, None] * E
    return tl.load(weight + at, mask=inside, other=0.0).to(tl.float32)


@triton.jit
@no_type_check
def load_parent(x, j, rows, B, J: tl.constexpr, D: tl.constexpr, PAD_D: tl.constexpr):
    """Parent j of `x [B, J, D]`: `[rows, D]`, 0 outside."""
    d = tl.arange(0, PAD_D)
    at = (rows[:, None] * J + j) * D + d[None, :]
    return tl.load(x + at, mask=(rows < B)[:, None] & (d < D)[None, :], other=0.0)


@triton.jit
@no_type_check
def load_per_child(x, rows, child, B, I):
    """`x [B, I]` at these children: `[rows, children]`, 0 outside."""
    inside = (rows < B)[:, None] & (child < I)[None, :]
    return tl.load(x + rows[:, None] * I + child[None, :], mask=inside, other=0.0)


@triton.jit
@no_type_check
def agreement(pulled, u, BLOCK_B: tl.constexpr, BLOCK_I: tl.constexpr, PAD_E: tl.constexpr):
    """`votes . x` from `pulled = x W`: `[rows, children]`."""
    return tl.sum(tl.reshape(pulled * u, (BLOCK_B, BLOCK_I, PAD_E)), 2)


@triton.jit
@no_type_check
def spread(x, BLOCK_B: tl.constexpr, BLOCK_I: tl.constexpr, PAD_E: tl.constexpr):
    """One number a child to all its columns: `[rows, children] -> [rows, columns]`."""
    whole = tl.broadcast_to(x[:, :, None], (BLOCK_B, BLOCK_I, PAD_E))
    return tl.reshape(whole, (BLOCK_B, BLOCK_I * PAD_E))


@triton.jit
@no_type_check
def add_splits(
    partial, row, d, inside, ROWS_J, SPLITS: tl.constexpr, D: tl.constexpr, PAD_S: tl.constexpr
):
    """The sum over splits of `partial [S, B*J, D]`: `[rows, D]`, always in the same order."""
    split = tl.arange(0, PAD_S)[:, None, None]
    at = (split * ROWS_J + row[None, :, None]) * D + d[None, None, :]
    parts = tl.load(partial + at, mask=(split < SPLITS) & inside[None, :, :], other=0.0)
    return tl.sum(parts, 0)


@triton.jit
@no_type_check
def shrinking(s):
    """`torchcaps.ops.squash.shrinking` of every row: within 1/eps, where squares are finite."""
    reach = 8388608.0
    return reach / tl.maximum(tl.max(tl.abs(s), 1), reach)
