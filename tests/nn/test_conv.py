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
        total = sum((x * w).sum() for x, w in zip(out, weights, strict=True))
        found = torch.autograd.grad(total, leaves, allow_unused=True)
        grads = grads or found
        for one, other in zip(found, grads, strict=True):
            if one is None or other is None:
                assert one is other or not (other if one is None else one).any()
            else:
                torch.testing.assert_close(one, other, rtol=1e-8, atol=1e-9)


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
