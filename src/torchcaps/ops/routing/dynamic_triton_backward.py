"""Kernels of one iteration's gradient (what they share: dynamic_triton_tiles)."""

from typing import no_type_check

import triton
import triton.language as tl

from torchcaps.ops.routing.dynamic_triton_tiles import (
    add_splits,
    agreement,
    load_children,
    load_parent,
    load_per_child,
    load_transform,
    shrinking,
    spread,
)


@triton.jit
@no_type_check
def squash_grad(
    sums, grad_poses, partial, grad_s, ROWS_J, HAS_PARTIAL: tl.constexpr,
    D: tl.constexpr, PAD_D: tl.constexpr,
    SPLITS: tl.constexpr, PAD_S: tl.constexpr, BLOCK_R: tl.constexpr,
):  # fmt: skip
    """`grad_s` from `grad_poses`, to which the splits of `partial` are added first, in place."""
    row = tl.program_id(0) * BLOCK_R + tl.arange(0, BLOCK_R)
    d = tl.arange(0, PAD_D)
    inside = (row < ROWS_J)[:, None] & (d < D)[None, :]
    at = row[:, None] * D + d[None, :]
    grad = tl.load(grad_poses + at, mask=inside, other=0.0).to(tl.float32)
    if HAS_PARTIAL:
        grad += add_splits(partial, row, d, inside, ROWS_J, SPLITS, D, PAD_S)
        tl.store(grad_poses + at, grad, mask=inside)
    s = tl.load(sums + at, mask=inside, other=0.0)
    shrink = shrinking(s)
    s *= shrink[:, None]
    square = tl.sum(s * s, 1)
    length = tl.sqrt(square)
    along = tl.sum(s * grad, 1) / tl.where(length > 0, length, 1.0)  # s . grad / |s|, 0 at zero
    bend = (1.0 - square) / ((1.0 + square) * (1.0 + square)) * along
    grad = grad * (length / (1.0 + square))[:, None] + s * bend[:, None]
    tl.store(grad_s + at, grad * shrink[:, None], mask=inside)


@triton.jit
@no_type_check
def child_grad(
    u, weight, total, lse, grad_s, mean, grad_u, B, I, T,
    UNIFORM: tl.constexpr, THROUGH: tl.constexpr, ADD: tl.constexpr,
    POSITIONS: tl.constexpr, LEAKY: tl.constexpr,
    J: tl.constexpr, D: tl.constexpr, E: tl.constexpr, PAD_D: tl.constexpr, PAD_E: tl.constexpr,
    BLOCK_B: tl.constexpr, BLOCK_I: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """`grad_u [B, I, E]` of one iteration, added to what is there if ADD.

    THROUGH differentiates the couplings too. Softmax's backward needs `mean [B, I]`, the mean of dc
    under the couplings; it is `u . grad_u` of the constant couplings, which is at hand.
    """
    rows = tl.program_id(1) * BLOCK_B + tl.arange(0, BLOCK_B)
    column = tl.arange(0, BLOCK_I * PAD_E)
    child, e = tl.program_id(0) * BLOCK_I + column // PAD_E, column % PAD_E
    one = tl.program_id(0) * BLOCK_I + tl.arange(0, BLOCK_I)
    grad = tl.zeros((BLOCK_B, BLOCK_I * PAD_E), tl.float32)
    if not UNIFORM:
        children = load_children(u, rows, child, e, B, I, E)
        norm = load_per_child(lse, rows, one, B, I)
    for j in range(J):
        w = load_transform(weight, j, child // POSITIONS, e, T, J, D, E, PAD_D)
        given = load_parent(grad_s, j, rows, B, J, D, PAD_D)
        pulled = tl.dot(given, w, input_precision=PRECISION)
        if UNIFORM:
            grad += pulled * (1.0 / (J + LEAKY))
        else:
            parent = load_parent(total, j, rows, B, J, D, PAD_D)
            toward = tl.dot(parent, w, input_precision=PRECISION)
            logit = agreement(toward, children, BLOCK_B, BLOCK_I, PAD_E)
            grad += pulled * spread(tl.exp(logit - norm), BLOCK_B, BLOCK_I, PAD_E)
    if THROUGH:
        middle = agreement(grad, children, BLOCK_B, BLOCK_I, PAD_E)
        inside = (rows < B)[:, None] & (one < I)[None, :]
        tl.store(mean + rows[:, None] * I + one[None, :], middle, mask=inside)
        for j in range(J):
            w = load_transform(weight, j, child // POSITIONS, e, T, J, D, E, PAD_D)
            given = load_parent(grad_s, j, rows, B, J, D, PAD_D)
            pulled = tl.dot(given, w, input_precision=PRECISION)
            dc = agreement(pulled, children, BLOCK_B, BLOCK_I, PAD_E)
            parent = load_parent(total, j, rows, B, J, D, PAD_D)
            toward = tl.dot(parent, w, input_precision=PRECISION)
            logit = agreement(toward, children, BLOCK_B, BLOCK_I, PAD_E)
            change = tl.exp(logit - norm) * (dc - middle)
            grad += toward * spread(change, BLOCK_B, BLOCK_I, PAD_E)
    at = rows[:, None] * (I * E) + (child * E + e)[None, :]
    inside = (rows < B)[:, None] & ((child < I) & (e < E))[None, :]
    if ADD:
        grad += tl.load(grad_u + at, mask=inside, other=0.0)
    tl.store(grad_u + at, grad, mask=inside)


@triton.jit
@no_type_check
def weight_grad(
    u, weight, total, lse, grad_s, mean, grad_w, B, I, T, splits, works,
    UNIFORM: tl.constexpr, THROUGH: tl.constexpr, ADD: tl.constexpr,
    POSITIONS: tl.constexpr, LEAKY: tl.constexpr,
    J: tl.constexpr, D: tl.constexpr, E: tl.constexpr, PAD_D: tl.constexpr, PAD_E: tl.constexpr,
    BLOCK_B: tl.constexpr, BLOCK_I: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """`grad_w [S, T, J, D, E]` of one iteration over this split's images and positions.

    A program owns parent j of a tile of types, and so the sum over the batch stays in registers.
    """
    j = tl.program_id(1)
    split = tl.program_id(2)
    column = tl.arange(0, BLOCK_I * PAD_E)
    kind, e = tl.program_id(0) * BLOCK_I + column // PAD_E, column % PAD_E
    kinds = tl.program_id(0) * BLOCK_I + tl.arange(0, BLOCK_I)
    d = tl.arange(0, PAD_D)
    at = (((split * T + kind) * J + j) * D * E + e)[None, :] + d[:, None] * E
    inside = (d < D)[:, None] & ((kind < T) & (e < E))[None, :]
    if ADD:
        grad = tl.load(grad_w + at, mask=inside, other=0.0)
    else:
        grad = tl.zeros((PAD_D, BLOCK_I * PAD_E), tl.float32)
    if not UNIFORM:
        w = load_transform(weight, j, kind, e, T, J, D, E, PAD_D)
    for work in range(split, works, splits):  # a work is a block of the batch at one position
        rows = work // POSITIONS * BLOCK_B + tl.arange(0, BLOCK_B)
        child = kind * POSITIONS + work % POSITIONS
        one = kinds * POSITIONS + work % POSITIONS
        children = load_children(u, rows, child, e, B, I, E)
        given = load_parent(grad_s, j, rows, B, J, D, PAD_D)
        if UNIFORM:
            seen = children * (1.0 / (J + LEAKY))
        else:
            parent = load_parent(total, j, rows, B, J, D, PAD_D)
            toward = tl.dot(parent, w, input_precision=PRECISION)
            logit = agreement(toward, children, BLOCK_B, BLOCK_I, PAD_E)
            share = tl.exp(logit - load_per_child(lse, rows, one, B, I))
            seen = children * spread(share, BLOCK_B, BLOCK_I, PAD_E)
            if THROUGH:
                pulled = tl.dot(given, w, input_precision=PRECISION)
                dc = agreement(pulled, children, BLOCK_B, BLOCK_I, PAD_E)
                change = share * (dc - load_per_child(mean, rows, one, B, I))
                moved = children * spread(change, BLOCK_B, BLOCK_I, PAD_E)
                grad += tl.dot(tl.trans(parent), moved, input_precision=PRECISION)
        grad += tl.dot(tl.trans(given), seen, input_precision=PRECISION)
    tl.store(grad_w + at, grad, mask=inside)
