"""The plain path, judge of the others: the authors' numbers, and what must always hold."""

import re

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.autograd import gradcheck

from torchcaps.ops import dynamic_routing, lengths, squash, votes


def random_votes(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize(
    ("beta", "iterations", "leaky", "poses"),
    [
        (0.0, 1, False, [[0.515079, 0.772618], [0.609821, 0.762277]]),
        (0.0, 3, False, [[0.0, 4e-6], [0.620942, 0.776101]]),
        (0.1, 3, False, [[0.014026, 0.014326], [0.621962, 0.775451]]),
        (0.0, 1, True, [[0.472859, 0.709289], [0.592196, 0.740246]]),
    ],
)
def test_poses_are_those_of_the_authors_code(beta, iterations, leaky, poses):
    u_hat = torch.arange(8.0).reshape(1, 2, 2, 2)
    bias = torch.full((2, 2), beta)
    found = dynamic_routing(u_hat, iterations, bias=bias, leaky=leaky).poses
    torch.testing.assert_close(found, torch.tensor([poses]), atol=1e-5, rtol=0)


shapes = st.tuples(*(st.integers(1, 5) for _ in range(4)))
anything = given(shapes, st.integers(1, 4), st.booleans(), st.floats(-3, 3), st.integers(0, 9999))


@anything
@settings(deadline=None)
def test_lengths_stay_below_one_and_children_divide_themselves_among_the_parents(
    shape, iterations, leaky, magnitude, seed
):
    routing = dynamic_routing(
        10**magnitude * random_votes(*shape, seed=seed), iterations, leaky=leaky
    )
    assert lengths(routing.poses).max() < 1 + 1e-12
    shares = routing.couplings.sum(2)
    assert routing.couplings.min() >= 0
    if leaky:
        assert shares.max() < 1 + 1e-12
        if magnitude < 0:  # the silent parent's share is no rounding error
            assert shares.max() < 1 - 1e-6
    else:
        torch.testing.assert_close(shares, torch.ones_like(shares))


@anything
@settings(deadline=None)
def test_the_order_of_children_and_the_names_of_parents_change_nothing(
    shape, iterations, leaky, magnitude, seed
):
    u_hat = 10**magnitude * random_votes(*shape, seed=seed)
    children, parents = torch.randperm(shape[1]), torch.randperm(shape[2])
    routing = dynamic_routing(u_hat, iterations, leaky=leaky)
    shuffled = dynamic_routing(u_hat[:, children][:, :, parents], iterations, leaky=leaky)
    torch.testing.assert_close(shuffled.poses, routing.poses[:, parents])
    torch.testing.assert_close(shuffled.couplings, routing.couplings[:, children][:, :, parents])


def test_one_iteration_is_the_uniform_mean():
    u_hat = random_votes(3, 7, 4, 5)
    routing = dynamic_routing(u_hat, 1)
    torch.testing.assert_close(routing.poses, squash(u_hat.sum(1) / 4))
    assert (routing.couplings == 1 / 4).all()


def test_a_single_parent_gets_every_child_whole():
    u_hat = random_votes(3, 7, 1, 5)
    routing = dynamic_routing(u_hat, 3)
    assert (routing.couplings == 1).all()
    torch.testing.assert_close(routing.poses, squash(u_hat.sum(1)))


def test_more_iterations_give_more_to_the_parent_on_which_children_agree():
    u_hat = random_votes(1, 20, 2, 5)
    u_hat[:, :, 1] = u_hat[:, :1, 1]  # parent 1: all of one mind
    history = dynamic_routing(u_hat, 3, history=True).history
    assert history is not None
    first, _, last = history
    assert (last[..., 1] > first[..., 1]).all()


def test_history_ends_with_the_couplings():
    routing = dynamic_routing(random_votes(3, 7, 4, 5), 3, history=True)
    assert routing.history is not None
    assert routing.history.shape == (3, 3, 7, 4)
    assert torch.equal(routing.history[-1], routing.couplings)
    assert dynamic_routing(random_votes(3, 7, 4, 5)).history is None


@pytest.mark.parametrize("leaky", [False, True])
def test_gradient_through_all_iterations_is_that_of_finite_differences(leaky):
    bias = random_votes(3, 4, seed=1).requires_grad_()
    assert gradcheck(
        lambda v, b: dynamic_routing(v, 3, bias=b, leaky=leaky, detach=False).poses,
        (random_votes(2, 5, 3, 4).requires_grad_(), bias),
    )


def test_detached_gradient_is_that_of_one_sum_with_constant_couplings():
    u_hat = random_votes(3, 7, 4, 5).requires_grad_()
    routing = dynamic_routing(u_hat, 3)
    assert not routing.couplings.requires_grad
    constant = squash((routing.couplings[..., None] * u_hat).sum(1))
    (expected,) = torch.autograd.grad(constant.square().sum(), u_hat)
    (found,) = torch.autograd.grad(routing.poses.square().sum(), u_hat)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_routed_in_float32(dtype):
    u_hat = random_votes(3, 1152, 4, 5).to(dtype)
    routing = dynamic_routing(u_hat)
    assert (routing.poses.dtype, routing.couplings.dtype) == (dtype, torch.float32)
    assert torch.equal(routing.poses, dynamic_routing(u_hat.float()).poses.to(dtype))


def test_autocast_changes_nothing():
    u_hat = random_votes(3, 63, 4, 5).float()
    with torch.autocast("cpu", torch.bfloat16):
        routing = dynamic_routing(u_hat)
    assert torch.equal(routing.poses, dynamic_routing(u_hat).poses)


@pytest.mark.parametrize("batch", [0, 1])
def test_small_batches(batch):
    assert dynamic_routing(random_votes(batch, 7, 4, 5)).poses.shape == (batch, 4, 5)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (
            {"iterations": 0},
            "dynamic_routing, iterations: expected a whole number, at least 1; got 0; "
            "1 gives uniform couplings, 3 is the paper's",
        ),
        ({"iterations": -1}, "at least 1; got -1"),
        ({"iterations": True}, "at least 1; got True"),
        (
            {"bias": torch.zeros(4)},
            "dynamic_routing, bias: expected one vector per parent, shape (4, 5); got (4,); "
            "use torch.zeros(4, 5) for none",
        ),
        (
            {"votes": torch.zeros(7, 4, 5)},
            "dynamic_routing, votes: expected [B, I, J, D]; got 3 axes; "
            "make votes with torchcaps.ops.votes(u, weight)",
        ),
    ],
)
def test_what_cannot_be_routed_says_why(arguments, text):
    with pytest.raises(ValueError, match=re.escape(text)):
        dynamic_routing(**{"votes": torch.zeros(3, 7, 4, 5), **arguments})


def test_votes_are_each_childs_own_product():
    u, weight = random_votes(3, 6, 2), random_votes(6, 4, 5, 2, seed=1)
    expected = torch.einsum("ijde,bie->bijd", weight, u)
    torch.testing.assert_close(votes(u, weight), expected)
    shared = weight[:2]
    expected = torch.einsum("ijde,bie->bijd", shared.repeat_interleave(3, 0), u)
    torch.testing.assert_close(votes(u, shared), expected)
    assert votes(u[:0], shared).shape == (0, 6, 4, 5)
