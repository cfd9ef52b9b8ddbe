"""Routing by agreement, forward and backward, without votes: passes over tiles.

The logits are linear in the poses: after r iterations they are `votes . V`, V the sum of the poses
so far. So nothing goes from one iteration to the next but V, and votes are never formed:

    agreement_ij = u_i . (V_j W_ij)        s_j = sum_i (c_ij u_i) W_ij

are batched products over the parents. Sums, poses and V are kept as those want them, `[J, B, D]`.
The first couplings are uniform: the first iteration is one matrix product.
"""

import math
from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional as F

from torchcaps.ops.routing.dynamic_chunked_tiles import (
    Gradients,
    Tile,
    Tiling,
    over_positions,
    times,
)
from torchcaps.ops.squash import shrinking, squash


def sums_dtype(u: Tensor, weight: Tensor) -> torch.dtype:
    """float32, or float64 where an input is."""
    return torch.promote_types(torch.promote_types(u.dtype, weight.dtype), torch.float32)


def forward(
    u: Tensor, weight: Tensor, bias: Tensor | None, iterations: int, leaky: bool, keep: bool
) -> tuple[Tensor, Tensor]:
    """The s of every iteration, `[R, J, B, D]`, and nothing; or, if `keep`, what the gradient of
    the last one needs: it alone, `[1, J, B, D]`, and its couplings, tile after tile."""
    tiles = Tiling(u, weight, sums_dtype(u, weight), passes=iterations)
    parents, dim = weight.shape[1:3]
    sums = u.new_zeros((iterations, parents, len(u), dim), dtype=tiles.dtype)
    kept = u.new_empty(len(u) * u.shape[1] * parents if keep else 0, dtype=tiles.dtype)
    offset = 0 if bias is None else bias.to(tiles.dtype).unsqueeze(1)

    flat = u.new_zeros((len(u), parents * dim), dtype=tiles.dtype)
    for tile in tiles:
        flat[tile.rows].addmm_(over_positions(tile.u).flatten(1), tile.weight.flatten(0, 1).T)
    sums[0] = flat.unflatten(1, (parents, dim)).transpose(0, 1) / (parents + leaky) + offset
    total = torch.zeros_like(sums[0])
    for r in range(1, iterations):
        total += squash(sums[r - 1])
        for tile, slot in _slots(tiles, kept if r == iterations - 1 else kept[:0], parents):
            c = couple(tile.agreement(total[:, tile.rows]), leaky, slot)
            tile.gather(tile.spread(c), sums[r, :, tile.rows])
        sums[r] += offset
    return (sums[-1:].clone() if keep else sums), kept


def backward(
    grad: Tensor, sums: Tensor, kept: Tensor, leaky: bool, detach: bool, grads: Gradients
) -> Tensor:
    """From the gradient of the poses, `[J, B, D]`, those of `u` and `weight` into `grads`, and that
    of the bias, returned, `[J, D]`."""
    several = len(sums) > 1
    if several and not detach:
        return _through_all(grad, sums, leaky, grads)
    ds = squash_gradient(sums[-1], grad)
    if several or kept.numel():
        _through_last(ds, sums, kept, leaky, grads)
    else:
        _through_uniform(ds, leaky, grads)
    return ds.sum(1)


def _through_uniform(ds: Tensor, leaky: bool, grads: Gradients) -> None:
    """Through the first iteration: two matrix products, as if all parents were one."""
    parents, _, dim = ds.shape
    ds = ds.transpose(0, 1).flatten(1) / (parents + leaky)  # [B, J*D]
    for tile in grads.tiles:
        to_s = ds[tile.rows]
        laid = grads.laid(tile)
        if laid is not None:
            laid.view(parents * dim, -1).addmm_(to_s.T, over_positions(tile.u).flatten(1))
        if grads.u is not None:
            pulled = to_s @ tile.weight.flatten(0, 1)  # [B, E*T]
            grads.add_u(tile, pulled.view(*tile.u.shape[:3], 1))


def _through_last(ds: Tensor, sums: Tensor, kept: Tensor, leaky: bool, grads: Gradients) -> None:
    """Through the last sum, couplings being constants: kept ones, or computed again."""
    total = squash(sums[:-1]).sum(0)
    for tile, c in _slots(grads.tiles, kept, len(ds)):
        to_s = ds[:, tile.rows]
        if c is None:
            c = couple(tile.agreement(total[:, tile.rows]), leaky)
        grads.add_weight(tile, to_s, tile.spread(c))
        if grads.u is not None:
            grads.add_u(tile, times(tile.pull(to_s), c.unsqueeze(2)).sum(0))


def _through_all(grad: Tensor, sums: Tensor, leaky: bool, grads: Gradients) -> Tensor:
    """Backwards through every iteration; `dc`, `dl`: gradients of couplings and logits.

    Logits being `votes . V`, and V the sum of all earlier poses, V's gradient, `later`, is that of
    each of them.
    """
    poses = squash(sums)
    dbias = grad.new_zeros(len(grad), grad.shape[-1])
    later = torch.zeros_like(grad)
    for r in range(len(sums) - 1, 0, -1):
        ds = squash_gradient(sums[r], grad)
        dbias += ds.sum(1)
        total = poses[:r].sum(0)
        for tile in grads.tiles:
            to_s, to_v = ds[:, tile.rows], total[:, tile.rows]
            pulled_s, pulled_v = tile.pull(to_s), tile.pull(to_v)
            dc = (pulled_s * tile.u).sum(2)
            c = couple((pulled_v * tile.u).sum(2), leaky)
            dl = c * (dc - (c * dc).sum(0))
            grads.add_weight(tile, to_s, tile.spread(c))
            spread = tile.spread(dl)
            grads.add_weight(tile, to_v, spread)
            tile.gather(spread, later[:, tile.rows])
            du = times(pulled_s, c.unsqueeze(2)).sum(0)
            grads.add_u(tile, du.add_(times(pulled_v, dl.unsqueeze(2)).sum(0)))
        grad = later
    ds = squash_gradient(sums[0], grad)
    _through_uniform(ds, leaky, grads)
    return dbias + ds.sum(1)


def _slots(tiles: Tiling, kept: Tensor, parents: int) -> Iterator[tuple[Tile, Tensor | None]]:
    """Each tile with the place of its couplings in `kept`; None if that holds none."""
    end = 0
    for tile in tiles:
        shape = (parents, *tile.u[:, 0].shape)
        begin, end = end, end + math.prod(shape)
        yield tile, kept[begin:end].view(shape) if kept.numel() else None


def couple(logits: Tensor, leaky: bool, out: Tensor | None = None) -> Tensor:
    """Couplings `[J, B, T, P]`: softmax over the parents, and a silent one if leaky."""
    if not leaky:
        return torch.softmax(logits, 0, out=out)
    c = F.pad(logits, (0, 0, 0, 0, 0, 0, 1, 0)).softmax(0)[1:]
    return c if out is None else out.copy_(c)


def squash_gradient(s: Tensor, grad: Tensor) -> Tensor:
    """The gradient of `s`, given that of `squash(s)`; zero where `s` is zero."""
    shrink = shrinking(s, -1)
    s = s * shrink
    square = (s * s).sum(-1, keepdim=True)
    length = square.sqrt()
    unit = s / length.clamp_min(torch.finfo(s.dtype).tiny)
    across, along = length / (1 + square), (1 - square) / (1 + square).square()
    return shrink * (across * grad + along * length * (unit * grad).sum(-1, keepdim=True) * unit)
