"""Primary capsules in one, two and three dimensions against loops in float64."""

from itertools import product

import pytest
import torch
from torch import nn

from torchcaps.nn import (
    PrimaryCapsules,
    PrimaryCapsules1d,
    PrimaryCapsules2d,
    PrimaryCapsules3d,
)
from torchcaps.nn.sizes import conv_output

RANKS = {1: PrimaryCapsules1d, 2: PrimaryCapsules2d, 3: PrimaryCapsules3d}
SIZES = {1: (11,), 2: (7, 5), 3: (5, 4, 7)}
GEOMETRIES = [
    {"kernel_size": 3, "stride": 2},
    {"kernel_size": 1, "stride": 3},  # a stride beyond the kernel
    {"kernel_size": 2, "stride": 1, "padding": 1},
    {"kernel_size": 3, "stride": 1, "padding": "same"},
    {"kernel_size": 2, "stride": 1, "padding": "same"},  # more on one side than on the other
    {"kernel_size": 3, "padding": "valid"},
    {"kernel_size": 2, "stride": 2, "padding": 2, "dilation": 3},
]


def each(value, rank):
    return (value,) * rank if isinstance(value, int) else value


def by_hand(layer, x, *, kernel_size, stride=2, padding=0, dilation=1):
    """Every capsule from its window, one number at a time."""
    rank, (types, dim) = x.ndim - 2, (layer.types, layer.dim)
    kernel, stride, dilation = (each(v, rank) for v in (kernel_size, stride, dilation))
    if padding == "same":
        whole = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
        before = [n // 2 for n in whole]
        after = [n - n // 2 for n in whole]
    else:
        before = after = each(0 if padding == "valid" else padding, rank)
    grid = [
        len(range(0, n + a + b - d * (k - 1), s))
        for n, a, b, d, k, s in zip(
            x.shape[2:], before, after, dilation, kernel, stride, strict=True
        )
    ]
    capsules = []
    for kind in range(types):
        for position in product(*map(range, grid)):
            s = layer.conv.bias[kind * dim : (kind + 1) * dim].repeat(len(x), 1)
            for offset in product(*map(range, kernel)):
                at = [
                    p * s_ + o * d - b
                    for p, s_, o, d, b in zip(
                        position, stride, offset, dilation, before, strict=True
                    )
                ]
                if all(0 <= i < n for i, n in zip(at, x.shape[2:], strict=True)):
                    filters = layer.conv.weight[
                        (slice(kind * dim, (kind + 1) * dim), slice(None), *offset)
                    ]
                    s = s + layer.gain * x[(slice(None), slice(None), *at)] @ filters.T
            length = s.norm(dim=-1, keepdim=True)
            capsules.append(length / (1 + length**2) * s)
    return torch.stack(capsules, 1), tuple(grid)


@pytest.mark.parametrize("gain", [1.0, 1 / 3])
@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
@pytest.mark.parametrize("rank", RANKS)
def test_capsules_and_gradients_are_those_of_a_loop(rank, geometry, gain):
    torch.manual_seed(0)
    layer = RANKS[rank](2, 3, 4, **geometry, gain=gain).double()
    x = torch.randn(2, 2, *SIZES[rank], dtype=torch.float64, requires_grad=True)
    expected, grid = by_hand(layer, x, **geometry)
    found = layer(x)
    torch.testing.assert_close(found, expected)
    assert layer.grid(*SIZES[rank]) == grid
    inputs = (x, *layer.parameters())
    seed = torch.randn_like(found)
    torch.testing.assert_close(
        torch.autograd.grad(found, inputs, seed), torch.autograd.grad(expected, inputs, seed)
    )


@pytest.mark.parametrize(
    ("rank", "geometry"),
    [
        (2, {"kernel_size": (3, 2), "stride": (1, 3), "padding": (0, 2), "dilation": (2, 1)}),
        (3, {"kernel_size": (1, 2, 3), "stride": (3, 2, 1), "padding": (2, 0, 1)}),
        (1, {"kernel_size": (4,), "stride": (3,), "padding": (1,), "dilation": (2,)}),
    ],
)
def test_each_axis_has_its_own_geometry(rank, geometry):
    torch.manual_seed(0)
    layer = RANKS[rank](2, 2, 3, **geometry).double()
    x = torch.randn(2, 2, *SIZES[rank], dtype=torch.float64)
    expected, grid = by_hand(layer, x, **geometry)
    torch.testing.assert_close(layer(x), expected)
    assert layer.grid(*SIZES[rank]) == grid


def test_the_plain_name_is_that_of_images():
    assert PrimaryCapsules is PrimaryCapsules2d
    assert list(PrimaryCapsules(2, 3, 4).state_dict()) == ["conv.weight", "conv.bias"]
    assert repr(PrimaryCapsules(2, 3, 4)).startswith("PrimaryCapsules(")


@pytest.mark.parametrize("gain", [1.0, 1 / 3])
@pytest.mark.parametrize("rank", RANKS)
def test_no_inputs_give_no_capsules(rank, gain):
    layer = RANKS[rank](2, 3, 4, kernel_size=3, gain=gain)
    u = layer(torch.zeros(0, 2, *SIZES[rank]))
    assert u.shape[0] == 0
    assert u.shape[2] == 4


@pytest.mark.parametrize("rank", RANKS)
def test_the_convolution_is_called_as_a_module(rank):
    layer, seen = RANKS[rank](2, 3, 4, kernel_size=3), []
    layer.conv.register_forward_hook(lambda _, args, out: seen.append(out.ndim))
    layer(torch.zeros(1, 2, *SIZES[rank]))
    assert seen == [rank + 2]


@pytest.mark.parametrize("rank", RANKS)
@pytest.mark.usefixtures("unchecked")
def test_inputs_of_another_rank_are_refused(rank):
    name, layer = RANKS[rank].__name__, RANKS[rank](2, 3, 4, kernel_size=3)
    with pytest.raises(ValueError, match=rf"{name}, x: .*; add the batch axis$"):
        layer(torch.zeros(2, *SIZES[rank]))
    with pytest.raises(ValueError, match=rf"{name}, x: .*; take the PrimaryCapsules of its rank$"):
        layer(torch.zeros(1, 2, *SIZES[rank], 5))
    with pytest.raises(ValueError, match=rf"{name}, x: .*in_channels=5$"):
        layer(torch.zeros(1, 5, *SIZES[rank]))
    with pytest.raises(ValueError, match=rf"{name}.grid, size: expected"):
        layer.grid(*SIZES[rank], 3)


@pytest.mark.parametrize("name", ["kernel_size", "stride", "padding", "dilation"])
def test_a_geometry_of_another_rank_is_refused(name):
    with pytest.raises(ValueError, match=rf"PrimaryCapsules1d, {name}: .*\(1, 2\)"):
        PrimaryCapsules1d(2, 3, 4, **{name: (1, 2)})  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("rank", RANKS)
def test_a_map_smaller_than_the_kernel_leaves_no_capsules(rank):
    text = rf"{RANKS[rank].__name__}, kernel_size: .*; got 9; take a smaller kernel"
    with pytest.raises(ValueError, match=text):
        RANKS[rank](2, 3, 4).grid(*[8] * rank)


@pytest.mark.parametrize("rank", RANKS)
def test_sizes_of_any_rank_are_those_of_pytorchs_convolution(rank):
    convolution = (nn.Conv1d, nn.Conv2d, nn.Conv3d)[rank - 1]
    for kernel, stride, padding, dilation in [(3, 2, 1, 1), (1, 4, 0, 1), (2, 3, 2, 3)]:
        conv = convolution(1, 1, kernel, stride, padding, dilation)
        found = conv_output(SIZES[rank], kernel, stride, padding, "here", dilation=dilation)
        assert found == conv(torch.zeros(1, 1, *SIZES[rank])).shape[2:]
