"""Residual blocks of capsules against a loop from their equations."""

import pytest
import torch
from torch.nn import functional as F

from torchcaps.nn import ConvCapsules2d, ResidualCapsules2d
from torchcaps.ops import squash


def block(**options):
    torch.manual_seed(0)
    return ResidualCapsules2d(3, 2, 4, 5, **options).double()


def convolved(layer, u, stride):
    """Every parent at a position from all children in its window, one capsule after the other."""
    kernel, bias = layer.conv.weight, layer.conv.bias
    batch, types, height, width, dim = u.shape
    side, same = kernel.shape[-1], kernel.shape[-1] // 2
    rows, columns = (-(-n // stride) for n in (height, width))
    out = u.new_zeros(batch, layer.types, rows, columns, layer.dim)
    for j in range(layer.types):
        for r in range(rows):
            for c in range(columns):
                s = bias[j * layer.dim : (j + 1) * layer.dim].expand(batch, -1)
                for y in range(side):
                    for x in range(side):
                        place = r * stride + y - same, c * stride + x - same
                        if not (0 <= place[0] < height and 0 <= place[1] < width):
                            continue
                        for t in range(types):
                            part = kernel[j * layer.dim : (j + 1) * layer.dim, :, y, x]
                            part = part[:, t * dim : (t + 1) * dim]
                            s = s + u[:, t, place[0], place[1]] @ part.T
                out[:, j, r, c] = squash(s)
    return out


@pytest.mark.parametrize(
    ("kernel", "stride", "size"), [(3, 2, (5, 4)), (1, 1, (2, 3)), (5, 3, (4, 7))]
)
def test_it_is_what_the_equations_say(kernel, stride, size):
    layer = block(kernel_size=kernel, stride=stride)
    u = torch.randn(2, 3, *size, 2, dtype=torch.float64)
    v = convolved(layer.first, u, stride)
    long = convolved(layer.branch[1], convolved(layer.branch[0], v, 1), 1)
    expected = long + convolved(layer.shortcut, v, 1)
    found = layer(u)
    torch.testing.assert_close(found, expected)
    assert found.shape[2:4] == layer.grid(*size)


def test_the_shortcut_may_route():
    layer = block(stride=2, routing="dynamic", iterations=2)
    assert isinstance(layer.shortcut, ConvCapsules2d)
    assert layer.shortcut.iterations == 2
    u = torch.randn(2, 3, 6, 6, 2, dtype=torch.float64)
    v = convolved(layer.first, u, 2)
    long = convolved(layer.branch[1], convolved(layer.branch[0], v, 1), 1)
    torch.testing.assert_close(layer(u), long + layer.shortcut(v))


@pytest.mark.parametrize("routing", [None, "dynamic", "self_attention"])
def test_gradients_reach_every_parameter(routing):
    layer = block(stride=2, routing=routing)
    u = torch.randn(1, 3, 3, 3, 2, dtype=torch.float64, requires_grad=True)
    layer(u).square().sum().backward()
    assert u.grad is not None
    for name, parameter in layer.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert "prior" in name or parameter.grad.abs().max() > 0, name


def test_no_images_give_no_capsules():
    assert block()(torch.zeros(0, 3, 4, 4, 2, dtype=torch.float64)).shape == (0, 4, 4, 4, 5)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"kernel_size": 2}, "kernel_size: expected an odd number"),
        ({"iterations": 2}, "iterations: expected none without a routing; got 2"),
        ({"routing": "nobody"}, "routing: expected one of"),
        ({"stride": 0}, "stride: expected a whole number, at least 1"),
    ],
)
def test_wrong_options_are_named(options, said):
    with pytest.raises(ValueError, match=said):
        block(**options)


@pytest.mark.usefixtures("unchecked")
def test_a_map_of_another_kind_is_named():
    with pytest.raises(ValueError, match=r"expected a map of capsules \[B, 3, H, W, 2\]; got"):
        block()(F.pad(torch.zeros(1, 3, 4, 4, 2, dtype=torch.float64), (0, 1)))


def test_blocks_keep_the_lengths_of_capsules():
    """From PyTorch's start lengths would be below 1e-6 after three blocks."""
    torch.manual_seed(0)
    u = torch.randn(2, 16, 8, 8, 8)
    u = u / (2 * u.norm(dim=-1, keepdim=True))
    for _ in range(3):
        u = ResidualCapsules2d(16, 8, 16, 8)(u)
    assert 0.2 < u.norm(dim=-1).mean() < 1.2
