"""The path without votes against the plain one in float64: outputs and every gradient."""

from typing import NamedTuple

import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck

from torchcaps.ops import dynamic_routing, votes
from torchcaps.ops.routing import dynamic_chunked, dynamic_chunked_tiles
from torchcaps.ops.routing.backend import Problem
from torchcaps.ops.routing.dynamic import Dynamic

# B, T, positions, J, D, E
SIZES = {
    "odd": (3, 63, 1, 4, 5, 3),
    "one parent": (1, 63, 1, 1, 5, 8),
    "one child": (2, 1, 1, 3, 4, 2),
    "shared": (5, 7, 9, 4, 5, 3),
    "all shared": (2, 1, 50, 3, 1, 1),
    "mnist": (3, 1152, 1, 10, 16, 8),
}
EVERY_SIZE = pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
BOTH_MODES = pytest.mark.parametrize("detach", [True, False], ids=["detach", "through"])
ODD = SIZES["odd"]


class Case(NamedTuple):
    """A problem of dynamic routing, piece by piece."""

    u: Tensor
    weight: Tensor
    iterations: int
    bias: Tensor | None
    leaky: bool
    detach: bool

    @property
    def problem(self) -> Problem:
        options = {"bias": self.bias, "leaky": self.leaky, "detach": self.detach}
        return Problem(self.u, self.weight, Dynamic(iterations=self.iterations, **options))


def routed(p: Case) -> Tensor:
    return dynamic_chunked.run(p.problem).poses


def problem(size=ODD, iterations=3, bias=True, leaky=False, detach=True, dtype=torch.float64):
    """Random tensors that all want gradients; couplings come out far from uniform."""
    batch, types, positions, parents, dim, child_dim = size
    generator = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> Tensor:
        x = torch.randn(shape, generator=generator, dtype=torch.float64)
        return x.to(dtype).requires_grad_()

    u = draw(batch, types * positions, child_dim)
    weight = draw(types, parents, dim, child_dim)
    return Case(u, weight, iterations, draw(parents, dim) if bias else None, leaky, detach)


def given(p: Case) -> list[Tensor]:
    return [p.u, p.weight] if p.bias is None else [p.u, p.weight, p.bias]


def plain(p: Case) -> Tensor:
    u_hat = votes(p.u, p.weight)
    return dynamic_routing(u_hat, p.iterations, bias=p.bias, leaky=p.leaky, detach=p.detach).poses


def outcome(run, p: Case) -> list[Tensor]:
    """Poses, then the gradients of all that is given, for a fixed random gradient of the poses."""
    poses = run(p)
    generator = torch.Generator().manual_seed(1)
    direction = torch.randn(poses.shape, generator=generator, dtype=torch.float64)
    return [poses, *torch.autograd.grad(poses, given(p), direction.to(poses.dtype))]


def in_float64(p: Case) -> Case:
    u, weight, bias = (
        None if x is None else x.detach().double().requires_grad_() for x in (p.u, p.weight, p.bias)
    )
    return p._replace(u=u, weight=weight, bias=bias)


def check(p: Case, error: float) -> None:
    """All finite and within `error` of the judge, relative to each tensor's largest number."""
    expected = outcome(plain, in_float64(p))
    found = outcome(routed, p)
    for x, y, source in zip(found, expected, [None, *given(p)], strict=True):
        assert x.shape == y.shape
        assert source is None or x.dtype == source.dtype
        assert x.isfinite().all()
        if y.numel():
            assert (x.double() - y).abs().max() <= error * y.abs().max()


@pytest.fixture(params=[1, 2000, None], ids=["smallest tiles", "small tiles", "own tiles"])
def tiles(request, monkeypatch):
    """Tiles of one child of one image, of a few, and as they are."""
    if request.param:
        monkeypatch.setattr(dynamic_chunked_tiles, "CPU_BUDGET", request.param)


@EVERY_SIZE
@BOTH_MODES
@pytest.mark.parametrize("leaky", [False, True], ids=["", "leaky"])
@pytest.mark.parametrize("iterations", [1, 2, 4])
def test_poses_and_every_gradient_are_the_references(size, iterations, leaky, detach):
    check(problem(size, iterations, leaky=leaky, detach=detach), 1e-11)
    check(problem(size, iterations, False, leaky, detach, torch.float32), 2e-4)


@BOTH_MODES
@pytest.mark.usefixtures("tiles")
@pytest.mark.parametrize("size", [ODD, SIZES["shared"], SIZES["all shared"]])
def test_tiles_of_any_size_give_the_same(size, detach):
    check(problem(size, leaky=True, detach=detach), 1e-11)


@BOTH_MODES
@pytest.mark.parametrize("module", [dynamic_chunked, dynamic_chunked_tiles])
def test_what_does_not_fit_is_computed_again(module, detach, monkeypatch):
    monkeypatch.setattr(module, "KEEP", 0)
    check(problem(detach=detach), 1e-11)


@BOTH_MODES
@pytest.mark.parametrize(
    ("dtype", "error"), [(torch.float32, 1e-5), (torch.bfloat16, 1e-2), (torch.float16, 1e-3)]
)
def test_half_precision_loses_only_its_own_rounding(dtype, error, detach):
    check(problem(SIZES["mnist"], detach=detach, dtype=dtype)._replace(iterations=2), error)


@BOTH_MODES
def test_children_and_transforms_of_different_dtypes_meet_in_the_wider(detach):
    p = problem(detach=detach, dtype=torch.float32)
    p = p._replace(u=p.u.detach().bfloat16().requires_grad_())
    check(p, 1e-2)
    assert routed(p).dtype == torch.float32


@BOTH_MODES
def test_strided_views_are_read_in_place_and_keep_their_gradients(detach):
    p = problem(detach=detach)
    shape = p.u.shape
    u = torch.randn(shape[1], 2 * shape[2], shape[0], dtype=torch.float64)
    weight = torch.randn(*reversed(p.weight.shape), dtype=torch.float64)
    p = p._replace(
        u=u.permute(2, 0, 1)[..., ::2].requires_grad_(),
        weight=weight.permute(3, 2, 1, 0).requires_grad_(),
    )
    assert not p.u.is_contiguous()
    assert not p.weight.is_contiguous()
    check(p, 1e-11)


@BOTH_MODES
@pytest.mark.parametrize("iterations", [1, 3])
def test_an_empty_batch_routes_to_nothing(iterations, detach):
    check(problem((0, 7, 9, 4, 5, 3), iterations, detach=detach), 0)


@BOTH_MODES
def test_dead_children_and_zero_weights_are_no_nan(detach):
    p = problem(bias=False, detach=detach)
    p = p._replace(weight=torch.zeros_like(p.weight).requires_grad_())
    check(p, 0)


@BOTH_MODES
def test_large_logits_are_no_nan(detach):
    p = problem(bias=False, detach=detach)
    check(p._replace(u=(p.u.detach() * 1e3).requires_grad_()), 1e-9)


@BOTH_MODES
def test_votes_whose_square_is_no_number_are_no_nan(detach):
    p = problem(bias=False, detach=detach, dtype=torch.float32)
    u = (p.u.detach() * 1e22).requires_grad_()
    found, expected = (
        outcome(run, q)
        for run, q in ((routed, p._replace(u=u)), (plain, in_float64(p._replace(u=u))))
    )
    for x, y in zip(found, expected, strict=True):
        assert x.isfinite().all()
        assert (x.double() - y).abs().max() <= 1e-4 * y.abs().max()


@BOTH_MODES
@pytest.mark.parametrize("wanted", [(0,), (1,), (2,), (0, 2), ()])
def test_only_the_gradients_that_are_wanted_are_there(wanted, detach):
    whole = problem(detach=detach)
    tensors = [x.detach().requires_grad_(n in wanted) for n, x in enumerate(given(whole))]
    poses = routed(whole._replace(u=tensors[0], weight=tensors[1], bias=tensors[2]))
    assert poses.requires_grad == bool(wanted)
    if wanted:
        poses.sum().backward()
        expected = torch.autograd.grad(plain(whole).sum(), given(whole))
        for n in wanted:
            torch.testing.assert_close(tensors[n].grad, expected[n])
    assert [n for n, x in enumerate(tensors) if x.grad is not None] == list(wanted)


@pytest.mark.parametrize("size", [(2, 3, 2, 3, 2, 2), (2, 5, 1, 2, 3, 2)])
@pytest.mark.parametrize(
    ("iterations", "detach"), [(1, True), (1, False), (3, False)]
)  # finite differences see the whole derivative, never that of detach
def test_gradients_are_those_of_finite_differences(size, iterations, detach):
    p = problem(size, iterations, leaky=True, detach=detach)
    run = routed
    assert gradcheck(lambda u, w, b: run(p._replace(u=u, weight=w, bias=b)), given(p))


@pytest.mark.parametrize(("iterations", "detach"), [(1, True), (3, False)])
def test_couplings_are_kept_only_where_they_are_the_whole_gradient(iterations, detach):
    u, weight = torch.rand(2, 3, 4), torch.rand(3, 2, 5, 4)
    with pytest.raises(ValueError, match=r"chunked_route, keep: .* use torchcaps\.ops\.route"):
        torch.ops.torchcaps.chunked_route(u, weight, None, iterations, False, detach, True)
