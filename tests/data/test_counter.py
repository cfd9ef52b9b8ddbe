"""Numbers by their place: how they are asked for changes nothing."""

import pytest
import torch

from torchcaps.data.counter import noise, uniforms


@pytest.mark.parametrize("draw", [uniforms, noise])
@pytest.mark.parametrize("each", [1, 4, 7, 20])
def test_an_item_is_the_same_alone_and_among_others(draw, each):
    together = draw(3, 1, 0, 9, each)
    assert together.shape == (9, each)
    alone = [draw(3, 1, k, 1, each) for k in range(9)]
    assert torch.equal(together, torch.cat(alone))
    assert torch.equal(together[4:7], draw(3, 1, 4, 3, each))


@pytest.mark.parametrize("draw", [uniforms, noise])
def test_seeds_streams_and_items_are_all_different(draw):
    drawn = [draw(seed, stream, 0, 50, 4) for seed in (0, 1, 2**63) for stream in (0, 1)]
    assert len(torch.cat(drawn).unique(dim=0)) == 300


def test_the_numbers_fill_their_range_evenly():
    flat = uniforms(0, 0, 0, 1000, 12)
    assert 0 <= flat.min() < 0.001 < 0.999 < flat.max() < 1
    assert flat.mean(0).sub(0.5).abs().max() < 0.05
    assert flat.T.corrcoef().sub(torch.eye(12)).abs().max() < 0.15
    grain = noise(0, 0, 0, 1000, 12)
    assert -1 <= grain.min() < -0.99 < 0.99 < grain.max() < 1
    assert grain.mean(0).abs().max() < 0.1
    assert grain.T.corrcoef().sub(torch.eye(12)).abs().max() < 0.15


def test_the_numbers_never_change():
    """Pinned: results published on the images they make stay comparable."""
    assert (uniforms(1, 2, 3, 1, 3) * 2**24).tolist() == [[10951666, 1856872, 12286687]]
    assert (noise(1, 2, 3, 1, 3) * 2**15).tolist() == [[-8470, -2480, -3416]]
