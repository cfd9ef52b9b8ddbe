"""What holds for all registered routings: children that are not there, silent or huge."""

import math

import pytest
import torch

from torchcaps.ops import route_votes
from torchcaps.ops.routing import Algorithm

ENGINES = ("whole", "tiled", "auto")
MASK = torch.ones(2, 13, dtype=torch.bool)
MASK[0, [0, 4, 5, 12]] = False
MASK[1, 2:] = False


def run(layer, engine, u, a, mask):
    """Parents and all gradients."""
    layer.backend = engine
    leaves = [x.clone().requires_grad_() for x in (u, a) if x is not None]
    out = layer.route(*leaves, mask=mask)
    wanted = [*leaves, *layer.parameters()]
    generator = torch.Generator().manual_seed(2)
    total = u.new_zeros(())
    for x in out:
        total = total + (x * torch.randn(x.shape[1:], generator=generator).to(x)).sum()
    return out, torch.autograd.grad(total, wanted, allow_unused=True)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("positions", [1, 13])
@pytest.mark.parametrize("given", [True, False], ids=["activations", "lengths"])
def test_what_stands_at_masked_children_changes_nothing(
    build, children, tiles, routing, engine, positions, given
):
    layer = build(routing, 13, 3, 3, 5, positions=positions)
    u, a = children(2, 13, 3)
    expected = None
    for content in (0.0, 1e3, 1e300, math.inf, math.nan):
        u[~MASK] = a[~MASK] = content
        out, grads = run(layer, engine, u, a if given else None, MASK)
        for grad in grads[: 1 + given]:
            assert grad is None or not grad[~MASK].any()
        found = [*out, *(grad for grad in grads if grad is not None)]
        assert all(x.isfinite().all() for x in found)
        expected = found if expected is None else expected
        assert len(found) == len(expected)
        assert all(torch.equal(*pair) for pair in zip(found, expected, strict=True))


@pytest.mark.parametrize("engine", ENGINES)
def test_masked_children_are_as_good_as_left_out(build, children, tiles, routing, engine):
    layer = build(routing, 13, 3, 3, 5)
    if layer.routing.per_child:
        pytest.skip("it has parameters for each child")
    u, a = children(2, 13, 3)
    out, grads = run(layer, engine, u, a, MASK)
    fewer = build(routing, int(MASK[1].sum()), 3, 3, 5)
    state = {**layer.state_dict(), "weight": layer.weight[MASK[1]]}
    fewer.load_state_dict(state)
    kept = u[1:, MASK[1]], a[1:, MASK[1]]
    expected, wanted = run(fewer, engine, *kept, None)
    for one, other in zip(out, expected, strict=True):
        torch.testing.assert_close(one[1:], other, rtol=1e-10, atol=1e-10)
    grad = grads[0][1:, MASK[1]]
    torch.testing.assert_close(grad, wanted[0], rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("engine", ENGINES)
def test_parents_of_nobody_are_finite(build, children, tiles, routing, engine):
    layer = build(routing, 13, 3, 3, 5)
    u, a = children(2, 13, 3)
    out, grads = run(layer, engine, u, a, torch.zeros_like(MASK))
    assert all(x.isfinite().all() for x in [*out, *(g for g in grads if g is not None)])
    assert not grads[0].any()


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("size", [0.0, 1e-30, 1e4, 1e9, 1e18])
@pytest.mark.parametrize("given", [True, False], ids=["activations", "lengths"])
def test_silent_and_huge_children_give_finite_numbers(
    build, children, tiles, routing, variants, engine, size, given
):
    u, a = (x.float() for x in children(2, 13, 3))
    u = size * u / u.norm(dim=-1, keepdim=True)
    a = (a if size else 0 * a) if given else None
    for options in variants:
        layer = build(routing, 13, 3, 3, 5, routing_options=options).float()
        out, grads = run(layer, engine, u, a, None)
        assert all(x.isfinite().all() for x in out), options
        assert all(g.isfinite().all() for g in grads if g is not None), options


def test_votes_of_masked_children_may_be_anything(build, children, routing):
    layer = build(routing, 13, 3, 3, 5)
    algorithm = layer.routing.algorithm()
    u, a = children(2, 13, 3)
    found = []
    for content in (0.0, math.nan):
        votes = (layer.votes(u) if layer.routing.casts_votes else u.unsqueeze(2)).detach()
        votes[~MASK] = content
        votes.requires_grad_()
        r = route_votes(algorithm, votes, a, u=u, mask=MASK)
        assert not r.couplings[~MASK].any()
        (grad,) = torch.autograd.grad(r.poses.sum() + r.activations.sum(), votes)
        assert not grad[~MASK].any()
        found.append([r.poses, r.activations, grad])
    assert all(torch.equal(*pair) for pair in zip(*found, strict=True))


@pytest.mark.parametrize("content", [0.0, 1e300, math.nan])
def test_explained_and_gathered_children_may_be_masked_too(build, children, routing, content):
    layer = build(routing, 13, 3, 3, 5)
    u, _ = children(2, 13, 3)
    u[~MASK] = content
    expected = layer.route(u, mask=MASK)
    told = layer.explain(u, mask=MASK)
    for one, other in zip(told, expected, strict=False):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)
    assert told.history is not None
    assert not told.history[:, ~MASK].any()
    assert told.couplings[MASK].any()
    anything = torch.where(MASK.unsqueeze(-1), told.couplings, content)
    found, own = (layer.gather(u, c, mask=MASK) for c in (anything, told.couplings))
    assert all(torch.equal(*pair) for pair in zip(found, own, strict=True))
    assert all(x.isfinite().all() for x in found)
    if type(layer.routing.algorithm()).show is Algorithm.show:  # else what is shown is a summary
        torch.testing.assert_close(own[0], expected.poses, rtol=1e-10, atol=1e-10)
    grads = torch.autograd.grad(told.poses.sum(), list(layer.parameters()), allow_unused=True)
    assert all(grad.isfinite().all() for grad in grads if grad is not None)


@pytest.mark.usefixtures("unchecked")
def test_a_mask_of_another_shape_or_kind_is_refused(build, children, routing):
    layer = build(routing, 13, 3, 3, 5)
    u, _ = children(2, 13, 3)
    for mask in (MASK[:, :5], MASK[:1], MASK.float()):
        with pytest.raises(ValueError, match=r"^\w+, mask: expected .*; got .*; "):
            layer(u, mask=mask)
        with pytest.raises(ValueError, match=r"^\w+, mask: expected .*; got .*; "):
            layer.explain(u, mask=mask)
        with pytest.raises(ValueError, match=r"^\w+, mask: expected .*; got .*; "):
            layer.gather(u, torch.ones(2, 13, 3), mask=mask)
