"""Transforms of torch.func and derivatives of derivatives give the right numbers by every path."""

import pytest
import torch
from torch.autograd import forward_ad, gradgradcheck
from torch.func import grad, jacrev, jvp, vjp, vmap

from torchcaps.ops import route
from torchcaps.ops.routing import dynamic_chunked
from torchcaps.ops.routing.backend import Problem
from torchcaps.ops.routing.dynamic import Dynamic
from torchcaps.ops.routing.route import choose

BATCHES = pytest.mark.parametrize("batch", [3, 20], ids=["below", "above"])
STEP = 1e-6


@pytest.fixture(autouse=True)
def small_problems_are_tiled(monkeypatch):
    monkeypatch.setattr(dynamic_chunked, "FEW_VOTES", 0)


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.fixture
def given(batch):
    """Children, transforms and bias, and a direction of each."""
    shapes = (batch, 7, 4), (7, 3, 5, 4), (3, 5)
    plain = tuple(draw(*shape, seed=n) for n, shape in enumerate(shapes))
    taken = choose(Problem(plain[0], plain[1], Dynamic(bias=plain[2], detach=False)))
    assert taken == ("chunked" if batch == 20 else "reference")
    return plain, tuple(draw(*shape, seed=9 + n) for n, shape in enumerate(shapes))


def poses(u, weight, bias):
    return route(u, weight, 3, bias=bias, leaky=True, detach=False)


def along(f, at, direction):
    """The derivative of `f` along a direction, by central differences."""
    ahead, behind = (
        f(*[x + sign * STEP * d for x, d in zip(at, direction, strict=True)]) for sign in (1, -1)
    )
    return (ahead - behind) / (2 * STEP)


def close(found, expected):
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-8)
    assert expected.abs().max() > 1e-3


@BATCHES
def test_forward_mode_is_the_slope_along_the_direction(given):
    at, direction = given
    expected = along(poses, at, direction)
    close(jvp(poses, at, direction)[1], expected)
    with forward_ad.dual_level():
        dual = poses(*[forward_ad.make_dual(x, d) for x, d in zip(at, direction, strict=True)])
        close(forward_ad.unpack_dual(dual).tangent, expected)


@BATCHES
@pytest.mark.parametrize("which", [0, 1, 2], ids=["u", "weight", "bias"])
def test_a_tangent_of_any_argument_is_seen(given, which):
    at, direction = given
    alone = tuple(d if n == which else 0 * d for n, d in enumerate(direction))
    with forward_ad.dual_level():
        duals = [forward_ad.make_dual(x, d) if n == which else x
                 for n, (x, d) in enumerate(zip(at, direction, strict=True))]  # fmt: skip
        close(forward_ad.unpack_dual(poses(*duals)).tangent, along(poses, at, alone))


@BATCHES
def test_reverse_mode_of_torch_func_is_autograds(given):
    at, direction = given
    towards = draw(len(at[0]), 3, 5, seed=5)
    slope = (along(poses, at, direction) * towards).sum()
    _, pull, *_ = vjp(poses, *at)
    for pulled in (
        pull(towards),
        grad(lambda u, w, b: (poses(u, w, b) * towards).sum(), argnums=(0, 1, 2))(*at),
        torch.autograd.functional.vjp(poses, at, towards)[1],
    ):
        close(sum((g * d).sum() for g, d in zip(pulled, direction, strict=True)), slope)


@BATCHES
def test_the_jacobian_holds_every_slope(given):
    at, direction = given

    def of_bias(bias):
        return poses(at[0], at[1], bias)

    expected = along(of_bias, at[2:], direction[2:])
    close((jacrev(of_bias)(at[2]) * direction[2]).sum((-1, -2)), expected)
    for vectorize in (False, True):
        jacobian = torch.autograd.functional.jacobian(of_bias, at[2], vectorize=vectorize)
        close((jacobian * direction[2]).sum((-1, -2)), expected)


@BATCHES
def test_gradients_of_gradients_are_the_slopes_of_gradients(given):
    at, direction = given

    def total(*x):
        return poses(*x).square().sum()

    def gradients(*x):
        leaves = [y.detach().requires_grad_() for y in x]
        return torch.cat([g.flatten() for g in torch.autograd.grad(total(*leaves), leaves)])

    expected = along(gradients, at, direction)
    leaves = [x.clone().requires_grad_() for x in at]
    first = torch.autograd.grad(total(*leaves), leaves, create_graph=True)
    second = torch.autograd.grad(first, leaves, direction)
    close(torch.cat([g.flatten() for g in second]), expected)
    ahead = jvp(grad(total, argnums=(0, 1, 2)), at, direction)[1]
    close(torch.cat([g.flatten() for g in ahead]), expected)


@BATCHES
def test_a_direction_of_the_poses_gradient_is_carried_through(given):
    """The gradient is linear in the poses' gradient: its tangent is the gradient of the tangent."""
    at, _ = given
    u = at[0].clone().requires_grad_()
    out = poses(u, *at[1:])
    towards, change = draw(*out.shape, seed=6), draw(*out.shape, seed=7)
    (expected,) = torch.autograd.grad(out, u, change, retain_graph=True)
    with forward_ad.dual_level():
        (pulled,) = torch.autograd.grad(out, u, forward_ad.make_dual(towards, change))
        close(forward_ad.unpack_dual(pulled).tangent, expected)


def test_gradgradcheck_of_the_tiled_path():
    at = [x.requires_grad_() for x in (draw(2, 3, 2), draw(3, 2, 2, 2, seed=1), draw(2, 2, seed=2))]
    assert gradgradcheck(
        lambda u, w, b: route(u, w, bias=b, detach=False, backend="chunked"), at, atol=1e-4
    )


@BATCHES
def test_constant_couplings_stay_constant_in_the_second_gradient(given):
    at, _ = given
    seconds = []
    for backend in ("auto", "reference"):
        u = at[0].clone().requires_grad_()
        out = route(u, at[1], bias=at[2], backend=backend)
        (first,) = torch.autograd.grad(out.square().sum(), u, create_graph=True)
        seconds += torch.autograd.grad(first.square().sum(), u)
    close(*seconds)


@BATCHES
def test_with_constant_couplings_both_modes_agree(given):
    at, direction = given

    def f(*x):
        return route(x[0], x[1], bias=x[2])

    towards = draw(len(at[0]), 3, 5, seed=5)
    forward = (jvp(f, at, direction)[1] * towards).sum()
    leaves = [x.clone().requires_grad_() for x in at]
    back = torch.autograd.grad(f(*leaves), leaves, towards)
    close(sum((g * d).sum() for g, d in zip(back, direction, strict=True)), forward)


@BATCHES
def test_a_vectorised_map_is_the_loop(given):
    (u, weight, bias), _ = given
    each = vmap(lambda one: poses(one[None], weight, bias)[0])(u)
    torch.testing.assert_close(each, poses(u, weight, bias))
    weights = torch.stack([weight, 2 * weight])
    several = vmap(lambda w: poses(u, w, bias))(weights)
    torch.testing.assert_close(several[1], poses(u, 2 * weight, bias))


def test_parameters_that_want_gradients_do_not_disturb_a_transform_of_something_else():
    u, weight = draw(20, 7, 4), draw(7, 3, 5, 4, seed=1).requires_grad_()
    found = vmap(lambda factor: factor * route(u, weight).sum())(torch.ones(2))
    torch.testing.assert_close(found[0], route(u, weight).sum())


def test_a_named_path_that_cannot_differentiate_so_refuses():
    u, weight = draw(20, 7, 4), draw(7, 3, 5, 4, seed=1)
    text = r"route, backend: .* 'chunked', which refuses: torch.func and forward-mode"
    with pytest.raises(ValueError, match=text):
        jvp(lambda x: route(x, weight, backend="chunked"), (u,), (u,))
    with forward_ad.dual_level():
        dual = forward_ad.make_dual(u, u)
        with pytest.raises(ValueError, match=text):
            route(dual, weight, backend="chunked")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.usefixtures("unchecked")  # shape checks cannot be compiled
def test_a_compiled_transform_takes_the_plain_path_too():
    u, weight = draw(20, 7, 4), draw(7, 3, 5, 4, seed=1)

    def slope(x):
        return jvp(lambda y: route(y, weight, detach=False), (x,), (torch.ones_like(x),))[1]

    torch.testing.assert_close(torch.compile(slope, backend="eager")(u), slope(u))
    assert slope(u).abs().max() > 1e-3
