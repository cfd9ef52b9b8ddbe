"""Convolutional capsules of every rank against a loop over positions, places and types."""

from itertools import product

import pytest
import torch

from torchcaps.nn import (
    ConvCapsules1d,
    ConvCapsules2d,
    ConvCapsules3d,
    ConvTransposeCapsules1d,
    ConvTransposeCapsules2d,
    ConvTransposeCapsules3d,
)
from torchcaps.ops import Capsules, route_votes
from torchcaps.ops.routing import EM, Dynamic

CONV = {1: ConvCapsules1d, 2: ConvCapsules2d, 3: ConvCapsules3d}
TRANSPOSE = {
    1: ConvTransposeCapsules1d,
    2: ConvTransposeCapsules2d,
    3: ConvTransposeCapsules3d,
}
# Kernel, stride, padding, dilation, size of the map.
GEOMETRY = {
    "a line": ((3,), (1,), (1,), (1,), (5,)),
    "stride over kernel": ((2,), (3,), (0,), (1,), (9,)),
    "dilated": ((2,), (1,), (2,), (2,), (4,)),
    "odd": ((3, 2), (2, 1), (1, 0), (1, 1), (5, 4)),
    "one position": ((3, 3), (1, 1), (0, 0), (1, 1), (3, 3)),
    "dilated unevenly": ((2, 3), (1, 2), (1, 2), (2, 1), (4, 5)),
    "volume": ((2, 1, 2), (1, 2, 2), (0, 0, 1), (1, 1, 1), (3, 3, 4)),
}
ROUTINGS = ("dynamic", "em", "self_attention", "self_routing", "cluster", "vector", "uniform")


def whole_windows(layer, u, seen):
    """Parents of each position by `route_votes`; `seen(p)` lists rows of the kernel and where
    their children are."""
    algorithm = layer.routing.algorithm()
    found = {}
    for p in product(*map(range, layer.grid(*u.shape[2:-1]))):
        votes, children, rows = [], [], []
        for place, q in seen(p):
            for t in range(layer.types):
                row = place * layer.types + t
                child = u[(slice(None), t, *q)]
                rows.append(row)
                children.append(child)
                if layer.weight is not None:
                    votes.append(torch.einsum("jde,be->bjd", layer.weight[row], child))
        own = {
            name: x[rows]
            for name, x in algorithm.tensors().items()
            if name in algorithm.of_children and len(x) > 1
        }
        here = type(algorithm)(**{**vars(algorithm), **own})
        u_here = torch.stack(children, 1)
        given = torch.stack(votes, 1) if votes else u_here.unsqueeze(2)
        activations = u_here.norm(dim=-1).clamp_max(1)
        found[p] = route_votes(here, given, activations, u=u_here)
    size = layer.grid(*u.shape[2:-1])
    first = next(iter(found.values()))
    poses = u.new_zeros(len(u), layer.out_types, *size, first.poses.shape[-1])
    activations = u.new_zeros(len(u), layer.out_types, *size)
    for p, r in found.items():
        poses[(slice(None), slice(None), *p)] = r.poses
        activations[(slice(None), slice(None), *p)] = r.activations
    return Capsules(poses, activations)


def in_window(layer, size):
    """The children of each position, by the formula of a convolution."""

    def seen(p):
        for place, k in enumerate(product(*map(range, layer.kernel_size))):
            q = [
                a * s + b * d - n
                for a, s, b, d, n in zip(
                    p, layer.stride, k, layer.dilation, layer.padding, strict=True
                )
            ]
            if all(0 <= x < n for x, n in zip(q, size, strict=True)):
                yield place, q

    return seen


def sent_to(layer, size):
    """The children whose transposed window holds each position."""

    def seen(p):
        for place, k in enumerate(product(*map(range, layer.kernel_size))):
            for q in product(*map(range, size)):
                to = [
                    a * s + b * d - n
                    for a, s, b, d, n in zip(
                        q, layer.stride, k, layer.dilation, layer.padding, strict=True
                    )
                ]
                if to == list(p):
                    yield place, q

    return seen


def capsules(layer, u):
    out = layer(Capsules(u, u.norm(dim=-1).clamp_max(1)))
    assert isinstance(out, Capsules)
    return out


def assert_same(layer, size, seen):
    torch.manual_seed(1)
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    u = torch.randn(2, layer.types, *size, layer.in_dim, dtype=torch.float64).requires_grad_()
    leaves = [u, *layer.parameters()]
    expected = whole_windows(layer, u, seen)
    weights = [torch.randn_like(x) for x in expected]
    grads = None
    for backend in (None, "tiled", "whole", "auto"):
        if backend is not None:
            layer.backend = backend
        out = expected if backend is None else capsules(layer, u)
        for one, other in zip(out, expected, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)
        total = (out.poses * weights[0]).sum() + (out.activations * weights[1]).sum()
        found = torch.autograd.grad(total, leaves, allow_unused=True)
        grads = grads or found
        for one, other in zip(found, grads, strict=True):
            zero = torch.zeros((), dtype=u.dtype)
            one, other = (zero if x is None else x for x in (one, other))
            torch.testing.assert_close(*torch.broadcast_tensors(one, other), rtol=1e-8, atol=1e-9)


def build(kinds, geometry, routing, **options):
    kernel, stride, padding, dilation, size = GEOMETRY[geometry]
    dim = 3
    layer = kinds[len(size)](
        2, dim, 3, dim if routing == "vector" else 4, kernel, stride, padding,
        dilation=dilation, routing=routing, **options,
    ).double().eval()  # fmt: skip
    return layer, size


@pytest.mark.parametrize("geometry", GEOMETRY)
@pytest.mark.parametrize("routing", ["dynamic", "em"])
def test_windows_are_routed_as_by_a_loop(geometry, routing):
    layer, size = build(CONV, geometry, routing)
    if routing == "dynamic":
        layer.routing.detach = layer.routing.options["detach"] = False
    assert_same(layer, size, in_window(layer, size))


@pytest.mark.parametrize("routing", ROUTINGS)
def test_every_routing_of_a_window(routing):
    layer, size = build(CONV, "odd", routing)
    assert_same(layer, size, in_window(layer, size))


@pytest.mark.parametrize("geometry", [g for g in GEOMETRY if g != "stride over kernel"])
@pytest.mark.parametrize("routing", ["uniform", "em"])
def test_transposed_windows_are_routed_as_by_a_loop(geometry, routing):
    kernel, stride, _, dilation, _ = GEOMETRY[geometry]
    if any(len({k * d % s for k in range(n)}) < s for n, s, d in
           zip(kernel, stride, dilation, strict=True)):  # fmt: skip
        pytest.skip("some positions would see no child")
    layer, size = build(TRANSPOSE, geometry, routing)
    assert_same(layer, size, sent_to(layer, size))


@pytest.mark.parametrize("routing", ROUTINGS)
def test_every_routing_of_a_transposed_window(routing):
    torch.manual_seed(0)
    layer = ConvTransposeCapsules2d(
        2, 3, 3, 3, (4, 3), (2, 3), (1, 0), (1, 0), routing=routing
    ).double().eval()  # fmt: skip
    assert layer.grid(3, 2) == (7, 6)
    assert_same(layer, (3, 2), sent_to(layer, (3, 2)))


@pytest.mark.parametrize("kinds", [CONV, TRANSPOSE], ids=["conv", "transpose"])
@pytest.mark.parametrize("geometry", ["a line", "odd", "volume"])
def test_summed_votes_are_sums_of_each_votes(kinds, geometry):
    """One type: a vote is the sum over places of what the children there would have voted."""
    kernel, stride, padding, dilation, size = GEOMETRY[geometry]
    stride = (1,) * len(size)
    torch.manual_seed(0)
    layer = kinds[len(size)](
        2, 3, 3, 4, kernel, stride, padding, dilation=dilation, votes="summed", init_std=0.5
    ).double()  # fmt: skip
    u = torch.randn(2, 2, *size, 3, dtype=torch.float64)
    seen = (in_window if kinds is CONV else sent_to)(layer, size)
    transforms = layer.weight[0].unflatten(-1, (-1, 3))  # [J, D, K, E]
    out = layer(u)
    for p in product(*map(range, layer.grid(*size))):
        votes = torch.zeros(2, 2, 3, 4, dtype=torch.float64)
        for place, q in seen(p):
            child = u[(slice(None), slice(None), *q)]
            votes += torch.einsum("jde,bte->btjd", transforms[:, :, place], child)
        expected = route_votes(layer.routing.algorithm(), votes).poses
        torch.testing.assert_close(out[(slice(None), slice(None), *p)], expected)


def competing(algorithm, layer, u, activations):
    """The same by dictionaries: a child's couplings over all (position, parent) that it has a vote
    for. EM starts with 1/J each."""
    seen = in_window(layer, u.shape[2:-1])
    votes, whose = {}, {}
    for p in product(*map(range, layer.grid(*u.shape[2:-1]))):
        for place, q in seen(p):
            for t in range(layer.types):
                weight = layer.weight[place * layer.types + t]
                votes[p, place, t] = torch.einsum("jde,e->jd", weight, u[(0, t, *q)])
                whose[p, place, t] = (t, *q)
    positions = sorted({p for p, _, _ in votes})
    logits = {key: u.new_zeros(layer.out_types) for key in votes}
    found = {}
    for t in range(algorithm.iterations):
        couplings = {}
        for child in set(whose.values()):
            keys = [key for key in votes if whose[key] == child]
            shares = torch.cat([logits[key] for key in keys]).softmax(0).chunk(len(keys))
            couplings |= dict(zip(keys, shares, strict=True))
        if t == 0 and isinstance(algorithm, EM):
            couplings = {key: u.new_full((layer.out_types,), 1 / layer.out_types) for key in votes}
        for p in positions:
            keys = [key for key in votes if key[0] == p]
            v = torch.stack([votes[key] for key in keys])
            c = torch.stack([couplings[key] for key in keys])
            if isinstance(algorithm, Dynamic):
                s = torch.einsum("ij,ijd->jd", c, v)
                n = s.norm(dim=-1, keepdim=True)
                found[p] = s * n / (1 + n**2), (n**2 / (1 + n**2)).squeeze(-1)
                for key in keys:
                    logits[key] = logits[key] + (votes[key] * found[p][0]).sum(-1)
            else:
                a = torch.stack([activations[(0, *whose[key])] for key in keys])
                r = c * a[:, None]
                mass = r.sum(0)
                mean = torch.einsum("ij,ijd->jd", r, v) / mass[:, None]
                variance = torch.einsum("ij,ijd->jd", r, (v - mean) ** 2) / mass[:, None] + 1e-6
                cost = mass * (algorithm.beta_u[:, None] + variance.log() / 2).sum(-1)
                heat = algorithm.final_lambda * (1 - 0.95 ** (t + 1))
                sure = (heat * (algorithm.beta_a - cost)).sigmoid()
                found[p] = mean, sure
                for key in keys:
                    near = ((votes[key] - mean) ** 2 / variance + variance.log()).sum(-1)
                    logits[key] = sure.log() - near / 2
    return found


@pytest.mark.parametrize("routing", ["dynamic", "em"])
@pytest.mark.parametrize("geometry", ["a line", "odd", "dilated"])
def test_children_are_divided_over_positions(geometry, routing):
    options = {"detach": False} if routing == "dynamic" else {"final_lambda": 1.0}
    layer, size = build(CONV, geometry, routing, compete_over="positions", routing_options=options)
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    torch.manual_seed(3)
    u = torch.randn(1, 2, *size, 3, dtype=torch.float64).requires_grad_()
    activations = torch.rand(u.shape[:-1], dtype=torch.float64)
    algorithm = layer.routing.algorithm()
    assert isinstance(algorithm, Dynamic | EM)
    out = layer(Capsules(u, activations))
    expected = competing(algorithm, layer, u, activations)
    total = torch.zeros(())
    for p, (poses, sure) in expected.items():
        at = (0, slice(None), *p)
        torch.testing.assert_close(out.poses[at], poses, rtol=1e-9, atol=1e-9)
        torch.testing.assert_close(out.activations[at], sure, rtol=1e-9, atol=1e-9)
        total = total + poses.square().sum() + sure.sum()
    leaves = [u, *layer.parameters()]
    found = torch.autograd.grad(out.poses.square().sum() + out.activations.sum(), leaves)
    for one, other in zip(found, torch.autograd.grad(total, leaves), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("routing", ["dynamic", "em", "vector", "cluster"])
@pytest.mark.parametrize("backend", ["auto", "tiled"])
def test_a_masked_child_changes_nothing(routing, backend):
    torch.manual_seed(0)
    dim = 3
    layer = ConvCapsules2d(2, dim, 3, dim, 3, 1, 1, routing=routing, backend=backend).double()
    u = torch.randn(2, 2, 4, 5, dim, dtype=torch.float64)
    mask = torch.rand(2, 2, 4, 5) > 0.3
    garbage = u.masked_fill(~mask.unsqueeze(-1), torch.nan)
    one, other = (layer(x, mask=mask) for x in (u, garbage))
    for a, b in zip(
        *((x,) if isinstance(x, torch.Tensor) else x for x in (one, other)), strict=True
    ):
        assert a.equal(b)
        assert a.isfinite().all()


@pytest.mark.parametrize("kind", [ConvCapsules2d, ConvTransposeCapsules2d])
@pytest.mark.parametrize("votes", ["each", "summed"])
@pytest.mark.parametrize("backend", ["auto", "whole", "tiled"])
def test_no_images(kind, votes, backend):
    layer = kind(2, 3, 3, 4, 2, votes=votes, backend="auto" if votes == "summed" else backend)
    if backend == "tiled" and votes == "each":
        with pytest.raises(ValueError, match="no images"):
            layer(torch.zeros(0, 2, 4, 4, 3))
        return
    out = layer(torch.zeros(0, 2, 4, 4, 3, requires_grad=True))
    assert out.shape == (0, 3, *layer.grid(4, 4), 4)
    out.sum().backward()


def test_refusals():
    with pytest.raises(ValueError, match=r"ConvCapsules2d, u: expected a map .*B, 2, H, W, 3"):
        ConvCapsules2d(2, 3, 3, 4, 3)(torch.zeros(1, 3, 4, 4, 3))
    with pytest.raises(ValueError, match=r"ConvCapsules1d, kernel_size: expected at most"):
        ConvCapsules1d(2, 3, 3, 4, 5)(torch.zeros(1, 2, 4, 3))
    with pytest.raises(ValueError, match="stride: expected 2 whole numbers"):
        ConvCapsules2d(2, 3, 3, 4, 3, (1, 1, 1))
    with pytest.raises(ValueError, match="kernel of at least the stride"):
        ConvTransposeCapsules2d(2, 3, 3, 4, 2, 3)
    with pytest.raises(ValueError, match="without leaky"):
        ConvCapsules2d(
            2, 3, 3, 4, 3, compete_over="positions", routing_options={"leaky": True}
        )  # fmt: skip
    with pytest.raises(ValueError, match="votes: expected 'each' with EMRouting"):
        ConvCapsules2d(2, 3, 3, 4, 3, votes="summed", routing="em")
    with pytest.raises(ValueError, match="compete_over='positions'"):
        ConvCapsules2d(2, 3, 3, 4, 3, votes="summed", compete_over="positions")
    with pytest.raises(ValueError, match="padding: expected a whole number, at least 0; got -1;"):
        ConvCapsules2d(2, 3, 3, 4, 3, padding=-1)
    with pytest.raises(ValueError, match="stride: expected a whole number, at least 1; got 0;"):
        ConvCapsules2d(2, 3, 3, 4, 3, 0)


@pytest.mark.parametrize(
    ("kind", "geometry"),
    [
        (ConvCapsules2d, {"kernel_size": 5, "padding": 2}),
        (ConvCapsules3d, {"kernel_size": 3, "padding": 1}),
        (ConvTransposeCapsules2d, {"kernel_size": 4, "stride": 2, "padding": 1}),
    ],
)
def test_parents_of_summed_votes_start_as_long_as_others(kind, geometry):
    torch.manual_seed(0)
    layer = kind(4, 8, 4, 8, votes="summed", **geometry)
    u = torch.nn.functional.normalize(torch.randn(2, 4, *[8] * layer.axes, 8), dim=-1) / 2
    assert 0.5 < layer(u).norm(dim=-1).mean() < 0.75
