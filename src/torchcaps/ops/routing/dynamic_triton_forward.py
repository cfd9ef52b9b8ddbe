"""Kernels of one iteration of routing (what they share: dynamic_triton_tiles)."""

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
def normaliser(
    u, weight, total, lse, B, I, T, POSITIONS: tl.constexpr, LEAKY: tl.constexpr,
    J: tl.constexpr, D: tl.constexpr, E: tl.constexpr, PAD_D: tl.constexpr, PAD_E: tl.constexpr,
    BLOCK_B: tl.constexpr, BLOCK_I: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """`lse [B, I]` of the logits `votes . total`, in one walk over the parents (online softmax)."""
    rows = tl.program_id(1) * BLOCK_B + tl.arange(0, BLOCK_B)
    first = tl.program_id(0) * BLOCK_I
    column = tl.arange(0, BLOCK_I * PAD_E)
    child, e = first + column // PAD_E, column % PAD_E
    children = load_children(u, rows, child, e, B, I, E)
    if LEAKY:  # the silent parent's logit is 0
        highest = tl.zeros((BLOCK_B, BLOCK_I), tl.float32)
        mass = highest + 1.0
    else:
        highest = tl.full((BLOCK_B, BLOCK_I), float("-inf"), tl.float32)
        mass = tl.zeros((BLOCK_B, BLOCK_I), tl.float32)
    for j in range(J):
        w = load_transform(weight, j, child // POSITIONS, e, T, J, D, E, PAD_D)
        parent = load_parent(total, j, rows, B, J, D, PAD_D)
        pulled = tl.dot(parent, w, input_precision=PRECISION)
        logit = agreement(pulled, children, BLOCK_B, BLOCK_I, PAD_E)
        higher = tl.maximum(highest, logit)
        mass = mass * tl.exp(highest - higher) + tl.exp(logit - higher)
        highest = higher
    one = first + tl.arange(0, BLOCK_I)
    inside = (rows < B)[:, None] & (one < I)[None, :]
    tl.store(lse + rows[:, None] * I + one[None, :], highest + tl.log(mass), mask=inside)


@triton.jit
@no_type_check
def weighted_sum(
    u, weight, total, lse, grad_s, mean, partial, B, I, T, splits, tiles,
    MODE: tl.constexpr, POSITIONS: tl.constexpr, LEAKY: tl.constexpr,
    J: tl.constexpr, D: tl.constexpr, E: tl.constexpr, PAD_D: tl.constexpr, PAD_E: tl.constexpr,
    BLOCK_B: tl.constexpr, BLOCK_I: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """`partial [S, B, J, D]`: votes weighted by couplings, over this split's children.

    MODE: "uniform" couplings (the first iteration), "coupled" (`exp(logit - lse)`), or "changed":
    the gradient of the logits `c (dc - mean)` in their place, which gives the gradient of `total`.
    """
    rows = tl.program_id(0) * BLOCK_B + tl.arange(0, BLOCK_B)
    j = tl.program_id(1)
    split = tl.program_id(2)
    column = tl.arange(0, BLOCK_I * PAD_E)
    e = column % PAD_E
    s = tl.zeros((BLOCK_B, PAD_D), tl.float32)
    if MODE != "uniform":
        parent = load_parent(total, j, rows, B, J, D, PAD_D)
    if MODE == "changed":
        grad = load_parent(grad_s, j, rows, B, J, D, PAD_D)
    for tile in range(split, tiles, splits):
        child = tile * BLOCK_I + column // PAD_E
        one = tile * BLOCK_I + tl.arange(0, BLOCK_I)
        children = load_children(u, rows, child, e, B, I, E)
        w = load_transform(weight, j, child // POSITIONS, e, T, J, D, E, PAD_D)
        if MODE == "uniform":
            given = children * (1.0 / (J + LEAKY))
        else:
            pulled = tl.dot(parent, w, input_precision=PRECISION)
            logit = agreement(pulled, children, BLOCK_B, BLOCK_I, PAD_E)
            share = tl.exp(logit - load_per_child(lse, rows, one, B, I))
            if MODE == "changed":
                pulled = tl.dot(grad, w, input_precision=PRECISION)
                dc = agreement(pulled, children, BLOCK_B, BLOCK_I, PAD_E)
                share *= dc - load_per_child(mean, rows, one, B, I)
            given = children * spread(share, BLOCK_B, BLOCK_I, PAD_E)
        s += tl.dot(given, tl.trans(w), input_precision=PRECISION)
    d = tl.arange(0, PAD_D)
    at = ((split * B + rows[:, None]) * J + j) * D + d[None, :]
    tl.store(partial + at, s, mask=(rows < B)[:, None] & (d < D)[None, :])


@triton.jit
@no_type_check
def squash_parents(
    partial, bias, sums, before, after, poses, ROWS_J,
    HAS_BIAS: tl.constexpr, FIRST: tl.constexpr, LAST: tl.constexpr,
    J: tl.constexpr, D: tl.constexpr, PAD_D: tl.constexpr,
    SPLITS: tl.constexpr, PAD_S: tl.constexpr, BLOCK_R: tl.constexpr,
):  # fmt: skip
    """`sums = s + bias`, then the last pose `squash(s)`, or `after = before + squash(s)`."""
    row = tl.program_id(0) * BLOCK_R + tl.arange(0, BLOCK_R)
    d = tl.arange(0, PAD_D)
    inside = (row < ROWS_J)[:, None] & (d < D)[None, :]
    at = row[:, None] * D + d[None, :]
    s = add_splits(partial, row, d, inside, ROWS_J, SPLITS, D, PAD_S)
    if HAS_BIAS:
        offset = (row % J)[:, None] * D + d[None, :]
        s += tl.load(bias + offset, mask=inside, other=0.0).to(tl.float32)
    tl.store(sums + at, s, mask=inside)
    s *= shrinking(s)[:, None]
    square = tl.sum(s * s, 1)
    pose = s * (tl.sqrt(square) / (1.0 + 1.0000005 * square))[:, None]  # below 1 when rounded
    if LAST:
        tl.store(poses + at, pose, mask=inside)
    else:
        if not FIRST:
            pose += tl.load(before + at, mask=inside, other=0.0)
        tl.store(after + at, pose, mask=inside)
