"""What holds for all registered routings: values and derivatives, on both engines."""

from dataclasses import replace

import pytest
import torch
from torch.func import functional_call

from torchcaps.nn import ROUTINGS
from torchcaps.ops.routing import Algorithm, Capsules

ENGINES = ("whole", "tiled")


def options_for(routing, iterations):
    """So many iterations, where there is something to iterate."""
    return {} if ROUTINGS[routing].algorithm_class.one_pass else {"iterations": iterations}


def run(layer, engine, *inputs, **more):
    """Poses and activations by one engine, and gradients of everything."""
    layer.backend = engine
    layer.zero_grad()
    leaves = [x.detach().clone().requires_grad_() for x in inputs]
    out = layer.route(*leaves, **more)
    generator = torch.Generator().manual_seed(2)
    total = torch.zeros((), dtype=torch.float64)
    for x in out:
        total = total + (x * torch.randn(x.shape, generator=generator, dtype=x.dtype)).sum()
    if total.requires_grad:
        total.backward()
    grads = {f"input {k}": x.grad for k, x in enumerate(leaves)}
    return out, grads | {name: p.grad for name, p in layer.named_parameters()}


def same(found, expected, tolerance=1e-10):
    """Two answers of `run` agree."""
    for one, other in zip(found[0], expected[0], strict=True):
        torch.testing.assert_close(one, other, rtol=tolerance, atol=tolerance)
    assert found[1].keys() == expected[1].keys()
    for name, grad in found[1].items():
        wanted = expected[1][name]
        assert (grad is None) == (wanted is None), name
        if grad is not None:
            scale = tolerance * max(1.0, wanted.abs().max().item() if wanted.numel() else 1.0)
            torch.testing.assert_close(grad, wanted, rtol=tolerance, atol=scale, msg=name)


@pytest.mark.parametrize(
    ("sizes", "positions"),
    [
        ((13, 3, 3, 5), 1),
        ((13, 3, 3, 5), 13),
        ((12, 3, 3, 5), 4),
        ((12, 3, 1, 5), 4),
        ((13, 3, 1, 5), 1),
        ((1, 3, 3, 5), 1),
        ((13, 1, 3, 1), 1),
    ],
    ids=str,
)
@pytest.mark.parametrize("iterations", [1, 2, 3])
def test_both_engines_give_the_same(build, children, tiles, routing, iterations, sizes, positions):
    layer = build(routing, *sizes, positions=positions, **options_for(routing, iterations))
    inputs = children(2, *sizes[:2])
    found, expected = (run(layer, engine, *inputs) for engine in ("tiled", "whole"))
    same(found, expected)
    assert all(x.isfinite().all() for x in expected[0])
    assert max(tiles) > 1 or sizes != (13, 3, 3, 5)


def test_transforms_that_all_share_take_any_number_of_children(build, children, tiles, routing):
    layer = build(routing, 13, 3, 3, 5, positions=13)
    inputs = children(2, 7, 3)
    if layer.routing.per_child:
        with pytest.raises(ValueError, match=r"u: expected children \[B, 13, 3\]; got \(2, 7, 3\)"):
            layer.route(*inputs)
        return
    same(run(layer, "tiled", *inputs), run(layer, "whole", *inputs))
    own = build(routing, 7, 3, 3, 5)
    own.load_state_dict({**layer.state_dict(), "weight": layer.weight.expand(7, -1, -1, -1)})
    for one, other in zip(layer.route(*inputs), own.route(*inputs), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)


def test_both_engines_give_the_same_with_every_option(build, children, tiles, variants, routing):
    for options in variants:
        layer = build(routing, 13, 3, 3, 5, routing_options=options)
        inputs = children(2, 13, 3)
        same(run(layer, "tiled", *inputs), run(layer, "whole", *inputs))
    assert max(tiles) > 1


def test_both_engines_cut_the_same_gradients(build, children, tiles, routing):
    layer = build(routing, 13, 3, 3, 5)
    layer.routing.detach = True
    found, expected = (run(layer, engine, *children(2, 13, 3)) for engine in ("tiled", "whole"))
    same(found, expected)
    assert max(tiles) > 1


@pytest.mark.parametrize("engine", ["auto", "whole"])
def test_no_images_give_no_parents(build, children, routing, engine):
    layer = build(routing, 13, 3, 3, 5)
    (poses, activations), grads = run(layer, engine, *children(0, 13, 3))
    assert poses.shape == (0, 3, 5)
    assert activations.shape == (0, 3)
    assert all(grad is None or not grad.any() for grad in grads.values())


@pytest.mark.parametrize("engine", ENGINES)
def test_strided_children_are_as_good(build, children, tiles, routing, engine):
    layer = build(routing, 13, 3, 3, 5)
    u, a = children(2, 13, 3)
    strided = u.permute(2, 1, 0).contiguous().permute(2, 1, 0), a.T.contiguous().T
    assert not strided[0].is_contiguous()
    layer.backend = engine
    for one, other in zip(layer.route(*strided), layer.route(u, a), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("order", [1, 2])
def test_gradients_are_those_of_finite_differences(
    build, children, tiles, monkeypatch, routing, engine, order
):
    monkeypatch.setattr("torchcaps.ops.routing.tiles.CPU_BUDGET", 1)
    layer = build(routing, 3, 2, 2, 2, backend=engine, **options_for(routing, 2))
    u, a = children(2, 3, 2)
    names = [name for name, _ in layer.named_parameters()]

    def parents(u, a, *parameters):
        return functional_call(layer, dict(zip(names, parameters, strict=True)), Capsules(u, a))

    inputs = [x.clone().requires_grad_() for x in (u, a, *layer.parameters())]
    check = torch.autograd.gradcheck if order == 1 else torch.autograd.gradgradcheck
    assert check(parents, inputs, fast_mode=order == 2)
    assert engine == "whole" or max(tiles) > 1


@pytest.mark.parametrize("engine", ENGINES)
def test_the_order_of_the_children_changes_nothing(build, children, tiles, routing, engine):
    layer = build(routing, 13, 3, 3, 5, backend=engine)
    u, a = children(2, 13, 3)
    expected = layer.route(u, a)
    order = torch.randperm(13, generator=torch.Generator().manual_seed(3))
    of_children = {f"routing.{name}" for name in layer.routing.algorithm_class.of_children}
    with torch.no_grad():
        for name, x in [*layer.named_parameters(), *layer.named_buffers()]:
            if name == "weight" or name in of_children:
                x.copy_(x[order].clone())
    for one, other in zip(layer.route(u[:, order], a[:, order]), expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)


def test_couplings_add_up_and_those_of_every_iteration_are_shown(build, children, routing):
    layer = build(routing, 13, 3, 3, 5)
    found = layer.explain(children(2, 13, 3)[0])
    assert found.history is not None
    assert found.history.shape == (layer.iterations, 2, 13, 3)
    assert torch.equal(found.history[-1], found.couplings)
    axis = {"parents": -1, "children": -2}.get(layer.routing.algorithm().sums_over)
    if axis is not None:
        sums = found.history.sum(axis)
        torch.testing.assert_close(sums, torch.ones_like(sums))
    assert layer.explain(children(2, 13, 3)[0], iterations=4).history.shape == (4, 2, 13, 3)


def test_gathering_under_its_own_couplings_gives_the_layers_parents(build, children, routing):
    layer = build(routing, 13, 3, 3, 5)
    u, _ = children(2, 13, 3)
    expected = layer.route(u)
    own = layer.explain(u).couplings
    poses, scores = layer.gather(u, own)
    assert poses.shape == (2, 3, 5)
    if type(layer.routing.algorithm()).show is Algorithm.show:  # else what is shown is a summary
        torch.testing.assert_close(poses, expected.poses, rtol=1e-10, atol=1e-10)
        wanted = layer.routing.scores(expected)
        torch.testing.assert_close(scores, wanted, rtol=1e-10, atol=1e-10)
    several = layer.gather(u, torch.stack([own, own.flip(-1)]))
    assert several[0].shape == (2, 2, 3, 5)
    torch.testing.assert_close(several[0][0], poses)


def test_one_iteration_less_is_another_layer(build, children, routing):
    """Or the tests above would compare routings that do not iterate."""
    layer = build(routing, 13, 3, 3, 5)
    algorithm = layer.routing.algorithm()
    if not algorithm.one_pass:
        u, _ = children(2, 13, 3)
        by_two = layer.explain(u, iterations=2).poses
        assert not torch.allclose(by_two, layer.explain(u, iterations=1).poses, atol=1e-4)
        assert replace(algorithm, iterations=2).passes == 2
