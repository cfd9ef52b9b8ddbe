import pytest
import torch

from torchcaps.nn import DenseCapsules, DigitCaps
from torchcaps.ops import route, squash


def children(batch, number, dim, length=0.5, seed=0):
    """Children of one length in random directions."""
    generator = torch.Generator().manual_seed(seed)
    u = torch.randn(batch, number, dim, generator=generator)
    return length * u / u.norm(dim=-1, keepdim=True)


@pytest.mark.parametrize(
    "options",
    [{}, {"iterations": 1}, {"bias": True, "detach": False}, {"leaky": True}, {"positions": 3}],
    ids=str,
)
def test_poses_and_gradients_are_those_of_route(options):
    layer = DenseCapsules(6, 5, 3, 7, init_std=0.5, **options)
    u = children(2, 6, 5).requires_grad_()
    poses = layer(u)
    poses.square().sum().backward()
    found = [u.grad, *(p.grad for p in layer.parameters())]

    again = u.detach().clone().requires_grad_()
    weight = layer.weight.detach().clone().requires_grad_()
    bias = None if layer.bias is None else layer.bias.detach().clone().requires_grad_()
    op = {k: v for k, v in options.items() if k not in ("bias", "positions")}
    expected = route(again, weight, bias=bias, **op)
    expected.square().sum().backward()
    assert torch.equal(poses, expected)
    wanted = [again.grad, weight.grad, *([] if bias is None else [bias.grad])]
    assert len(found) == len(wanted)
    for one, other in zip(found, wanted, strict=True):
        assert torch.equal(one, other)  # pyright: ignore[reportArgumentType]
        assert one.abs().max() > 0  # pyright: ignore[reportOptionalMemberAccess]


@pytest.mark.parametrize("number", [8, 100, 2000])
@pytest.mark.parametrize("parents", [1, 8, 100])
@pytest.mark.parametrize(
    ("routing", "iterations"),
    [("dynamic", 1), ("dynamic", 3), ("dynamic", 5), ("self_attention", None), ("uniform", None)],
)
def test_parents_start_with_lengths_of_one_half_to_three_quarters(
    number, parents, routing, iterations
):
    torch.manual_seed(0)
    layer = DenseCapsules(number, 8, parents, 16, routing=routing, iterations=iterations)
    with torch.no_grad():
        start = layer.route(children(8, number, 8)).activations
    # Eight children cannot be shared out among a hundred parents: each goes to one of them.
    least = 0.5 if number >= parents or routing == "uniform" else 0.05
    assert least < start.mean() < 0.75


def test_the_start_is_the_standard_deviation_that_was_asked_for():
    torch.manual_seed(0)
    layer = DenseCapsules(200, 8, 10, 16, init_std=0.01)
    assert layer.weight.std().item() == pytest.approx(0.01, rel=0.01)
    assert layer.weight.mean().abs() < 1e-4
    assert (DenseCapsules(4, 8, 10, 16, init_std=0.0).weight == 0).all()


def test_children_of_one_type_share_their_transforms():
    """Two types at three positions: as many transforms as types, each used three times."""
    shared = DenseCapsules(6, 5, 3, 7, positions=3)
    own = DenseCapsules(6, 5, 3, 7)
    assert shared.weight.shape == (2, 3, 7, 5)
    own.weight.data = shared.weight.data[[0, 0, 0, 1, 1, 1]]
    u = children(2, 6, 5)
    torch.testing.assert_close(shared(u), own(u))


def test_a_bias_starts_at_a_tenth_for_every_parent():
    layer = DenseCapsules(6, 5, 3, 7, bias=True)
    assert layer.bias is not None
    assert torch.equal(layer.bias.detach(), torch.full((3, 7), 0.1))
    silent = layer(torch.zeros(1, 6, 5))
    torch.testing.assert_close(silent, squash(torch.full((1, 3, 7), 0.1)))
    assert DenseCapsules(6, 5, 3, 7).bias is None


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_poses_are_float32_inside_autocast(dtype):
    layer = DenseCapsules(6, 5, 3, 7)
    u = children(2, 6, 5).to(dtype)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = layer(u)
    assert inside.dtype == torch.float32
    torch.testing.assert_close(inside, layer(u.float()), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("leaky", [False, True])
def test_explain_agrees_with_forward_and_shows_the_couplings(leaky):
    layer = DenseCapsules(6, 5, 3, 7, iterations=4, bias=True, leaky=leaky, init_std=1.0)
    u = children(2, 6, 5)
    told = layer.explain(u)
    torch.testing.assert_close(told.poses, layer(u))
    assert told.history is not None
    assert told.history.shape == (4, 2, 6, 3)
    assert torch.equal(told.history[-1], told.couplings)
    sums = told.history.sum(-1)
    if leaky:
        assert (sums < 1).all()
    else:
        torch.testing.assert_close(sums, torch.ones(4, 2, 6))
    uniform = torch.full((2, 6, 3), 1 / (4 if leaky else 3))
    torch.testing.assert_close(told.history[0], uniform)
    assert not torch.allclose(told.couplings, uniform, atol=1e-3)


def test_the_series_name_is_the_same_layer():
    assert DigitCaps is DenseCapsules
    shown = repr(DigitCaps(6, 5, 3, 7, positions=2))
    assert "I=6, E=5, J=3, D=7" in shown
    assert "DynamicRouting(iterations=3, leaky=False)" in shown


@pytest.mark.parametrize("shape", [(2, 7, 5), (2, 6, 4), (6, 5)])
@pytest.mark.parametrize("method", ["forward", "explain"])
@pytest.mark.usefixtures("unchecked")
def test_other_children_than_the_layer_was_built_for_are_named(shape, method):
    text = rf"DenseCapsules, u: expected children \[B, 6, 5\]; got \({shape[0]}, .* another image"
    with pytest.raises(ValueError, match=text):
        getattr(DenseCapsules(6, 5, 3, 7, positions=2), method)(torch.zeros(shape))


@pytest.mark.parametrize("positions", [0, 4, -1])
def test_positions_must_divide_the_children(positions):
    text = rf"DenseCapsules, positions: expected a divisor of in_capsules=6; got {positions}; use"
    with pytest.raises(ValueError, match=text):
        DenseCapsules(6, 5, 3, 7, positions=positions)
