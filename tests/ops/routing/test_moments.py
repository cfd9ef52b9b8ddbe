"""Means and variances of votes: in tiles, and of parents that hardly anyone goes to."""

import pytest
import torch

from torchcaps.ops import Moments


def draw(dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    votes = torch.randn(2, 7, 3, 5, generator=generator, dtype=dtype)
    return votes, torch.rand(2, 7, 3, generator=generator, dtype=dtype)


@pytest.mark.parametrize("full", [False, True])
def test_moments_of_tiles_merge_to_those_of_all(full):
    votes, weights = draw()
    whole = Moments.of(votes, weights, full)
    parts = [Moments.of(votes[:, tile], weights[:, tile], full) for tile in (slice(3), slice(3, 7))]
    for one, other in zip(parts[0].merge(parts[1]), whole, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)
    centre = torch.ones_like(whole.mean)
    apart = votes - 1
    wide = torch.einsum("bijd,bije,bij->bjde", apart, apart, weights)
    expected = wide if full else wide.diagonal(dim1=-2, dim2=-1)
    torch.testing.assert_close(whole.about(centre), expected, rtol=1e-12, atol=1e-12)


def test_a_small_variance_far_from_zero_keeps_its_digits():
    votes, weights = draw(torch.float32)
    near = 1e4 + 1e-1 * votes
    found = Moments.of(near, weights).scatter
    exact = Moments.of(near.double(), weights.double()).scatter
    torch.testing.assert_close(found.double(), exact, rtol=1e-2, atol=0.0)


@pytest.mark.parametrize("size", [1e-20, 1e-30, 1e-36, 1e-40, 1e-45])
@pytest.mark.parametrize("full", [False, True])
def test_hardly_any_mass_gives_finite_gradients(size, full):
    """As a tile has it whose children are all far from a parent."""
    votes, weights = draw(torch.float32)
    whole = Moments.of(votes, weights, full)
    little = (size * weights).requires_grad_()
    seen = votes.clone().requires_grad_()
    share = Moments.of(seen, little, full).share(whole)
    sum(x.square().sum() for x in share).backward()  # pyright: ignore
    for leaf in (seen, little):
        assert leaf.grad is not None
        assert leaf.grad.isfinite().all()
