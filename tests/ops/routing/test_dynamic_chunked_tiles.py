"""Tiles: every child once, within the budget, and no votes in memory."""

from typing import Any

import torch
from hypothesis import given
from hypothesis import strategies as st

from torchcaps.ops import route
from torchcaps.ops.routing.dynamic_chunked_tiles import FEW_ROWS, Tiling, tile_sizes

counts = st.integers(1, 3000)


@given(st.integers(0, 3000), counts, st.integers(1, 200), counts, st.integers(1, 1 << 24))
def test_a_tile_fits_the_budget_and_the_problem(batch, types, positions, parts, budget):
    rows, some, places = tile_sizes(batch, types, positions, parts, budget)
    assert 1 <= rows <= max(1, batch)
    assert 1 <= some <= types
    assert 1 <= places <= positions
    assert rows * some * places * parts <= max(budget, parts)
    assert some == 1 or places == positions
    if budget >= parts * FEW_ROWS * 2:  # where there is room, both images and children share it
        assert rows >= min(batch, FEW_ROWS // 2)


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 9))
def test_tiles_hold_every_child_of_every_image_once(batch, types, positions):
    u = torch.arange(batch * types * positions * 2.0).view(batch, -1, 2)
    weight = torch.arange(types * 3 * 4 * 2.0).view(types, 3, 4, 2)
    seen, seen_weight = torch.zeros_like(u), torch.zeros_like(weight)
    grid = seen.view(batch, types, positions, 2)
    tiling = Tiling(u, weight, torch.float64, passes=2)
    for tile in tiling:
        assert tile.u.dtype == tile.weight.dtype == torch.float64
        assert tile.u.is_contiguous()
        grid[tile.rows, tile.types, tile.positions] += tile.u.permute(0, 2, 3, 1)
        turned = tile.weight.unflatten(2, (2, -1)).permute(3, 0, 1, 2)
        seen_weight[tile.types] = turned.float()
    assert torch.equal(seen, u)
    assert torch.equal(seen_weight, weight)
    assert [tile.u.data_ptr() for tile in tiling] == [tile.u.data_ptr() for tile in tiling]  # kept


def test_routing_takes_a_fifth_of_the_votes_memory_gradients_and_all():
    batch, children, parents, dim, child_dim = 128, 1152, 10, 16, 8
    u = torch.randn(batch, children, child_dim, requires_grad=True)
    weight = torch.randn(children, parents, dim, child_dim, requires_grad=True)

    def step():
        return torch.autograd.grad(route(u, weight, backend="chunked").sum(), (u, weight))

    votes = batch * children * parents * dim * 4
    gradients = (u.numel() + weight.numel()) * 4
    assert gradients < peak_bytes(step) <= votes / 5


def peak_bytes(call) -> int:
    """The most bytes that PyTorch held at once for `call`, from its own record of every block."""
    with torch.profiler.profile(profile_memory=True) as profile:
        kept = call()
    assert kept is not None
    assert profile.profiler is not None
    results: Any = profile.profiler.kineto_results
    blocks = [event for event in results.events() if event.name() == "[memory]"]
    held = peak = 0
    for block in sorted(blocks, key=lambda block: block.start_ns()):
        held += block.nbytes()
        peak = max(peak, held)
    return peak
