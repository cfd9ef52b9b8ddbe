import pytest
import torch
from torch import nn
from torch.nn.utils import prune

from torchcaps.nn import PrimaryCapsules
from torchcaps.nn.sizes import conv_output
from torchcaps.ops import squash


def identity(types, dim, **options):
    """A layer whose convolution passes its channels through unchanged."""
    layer = PrimaryCapsules(types * dim, types, dim, kernel_size=1, stride=1, **options)
    with torch.no_grad():
        layer.conv.weight.copy_(torch.eye(types * dim)[..., None, None])
        layer.conv.bias.zero_()  # pyright: ignore[reportOptionalMemberAccess]
    return layer


def test_a_capsule_holds_the_channels_of_one_type_at_one_position():
    """Child i = type * positions + position, positions row by row, on a map that is not square."""
    types, dim, height, width = 3, 4, 2, 5
    x = torch.randn(2, types * dim, height, width)
    u = identity(types, dim)(x)
    assert u.shape == (2, types * height * width, dim)
    for kind in range(types):
        for row in range(height):
            for column in range(width):
                child = kind * height * width + row * width + column
                channels = x[:, kind * dim : (kind + 1) * dim, row, column]
                torch.testing.assert_close(u[:, child], squash(channels))


def test_a_change_at_one_position_changes_the_capsules_of_that_position_alone():
    layer = identity(3, 4)
    x = torch.randn(1, 12, 2, 5)
    moved = x.clone()
    moved[:, :, 1, 2] += 1
    changed = (layer(x) != layer(moved)).any(-1).nonzero()[:, 1].tolist()
    assert changed == [kind * 10 + 7 for kind in range(3)]


@pytest.mark.parametrize("gain", [1.0, 1 / 4])
def test_gain_scales_the_convolution_and_not_its_bias(gain):
    torch.manual_seed(0)
    layer = PrimaryCapsules(3, 4, 5, kernel_size=3, stride=2, padding=1, gain=gain).double()
    x = torch.randn(2, 3, 9, 6, dtype=torch.float64)
    u = layer(x)
    bias = layer.conv.bias
    assert bias is not None
    s = gain * (layer.conv(x) - bias[:, None, None]) + bias[:, None, None]
    expected = squash(s.reshape(2, 4, 5, 5, 3).movedim(2, -1).reshape(2, 60, 5))
    torch.testing.assert_close(u, expected)


@pytest.mark.parametrize("size", [(28, 28), (28, 20), (9, 33)])
@pytest.mark.parametrize(
    "geometry",
    [
        {},
        {"kernel_size": 5, "stride": 3, "padding": 2},
        {"kernel_size": (3, 5), "stride": (1, 2), "padding": (0, 3)},
        {"kernel_size": (3, 5), "stride": 1, "padding": "same"},
        {"kernel_size": (3, 4), "padding": "valid"},
    ],
    ids=str,
)
def test_grid_says_how_many_capsules_a_map_gives(size, geometry):
    layer = PrimaryCapsules(2, 3, 4, **geometry)
    height, width = layer.grid(*size)
    assert layer(torch.zeros(1, 2, *size)).shape == (1, 3 * height * width, 4)


def test_grid_knows_a_convolution_that_was_put_in_its_place():
    layer = PrimaryCapsules(2, 3, 4)
    layer.conv = nn.Conv2d(2, 12, 3, stride=2, dilation=(2, 3), bias=False)
    height, width = layer.grid(14, 11)
    assert layer(torch.zeros(1, 2, 14, 11)).shape == (1, 3 * height * width, 4)


@pytest.mark.parametrize("gain", [1.0, 1 / 3])
def test_the_convolution_is_called_as_a_module_and_its_weight_read_in_every_call(gain):
    layer, x = PrimaryCapsules(2, 3, 4, kernel_size=3, gain=gain), torch.rand(2, 2, 7, 7)
    seen = []
    layer.conv.register_forward_hook(lambda _, args, out: seen.append(out.shape))
    before = layer(x)
    assert seen == [(2, 12, 3, 3)]
    prune.random_unstructured(layer.conv, "weight", 0.5)
    assert not torch.equal(layer(x), before)


def test_the_series_sizes():
    layer = PrimaryCapsules(256, 32, 8)
    assert layer.grid(20, 20) == (6, 6)
    assert sum(p.numel() for p in layer.parameters()) == 256 * 256 * 81 + 256


def test_no_images_give_no_capsules():
    assert identity(3, 4)(torch.zeros(0, 12, 2, 5)).shape == (0, 30, 4)


@pytest.mark.parametrize(
    ("shape", "text"),
    [
        (
            (2, 5, 9, 9),
            r"PrimaryCapsules, x: expected a feature map \[B, 3, H, W\]; "
            r"got \(2, 5, 9, 9\); build the layer with in_channels=5$",
        ),
        ((3, 9, 9), r"expected a feature map \[B, 3, H, W\]; got \(3, 9, 9\); add the batch axis$"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_a_map_that_does_not_fit_is_named(shape, text):
    with pytest.raises(ValueError, match=text):
        PrimaryCapsules(3, 2, 4)(torch.zeros(shape))


@pytest.mark.parametrize("size", [(8, 20), (20, 8)])
def test_a_map_smaller_than_the_kernel_leaves_no_capsules(size):
    text = rf"PrimaryCapsules, kernel_size: .* {size[0]}x{size[1]}; got 9; take a smaller kernel"
    with pytest.raises(ValueError, match=text):
        PrimaryCapsules(3, 2, 4).grid(*size)


@pytest.mark.parametrize("geometry", [(1, 1, 0), (3, 2, 1), (9, 2, 0), (5, 3, 2), (4, 4, 1)])
def test_sizes_are_those_of_pytorchs_convolution(geometry):
    kernel, stride, padding = geometry
    conv = torch.nn.Conv2d(1, 1, kernel, stride, padding)
    for size in [(9, 9), (28, 20), (33, 10)]:
        found = conv_output(size, kernel, stride, padding, "here")
        assert found == conv_output(size, (kernel,) * 2, (stride,) * 2, (padding,) * 2, "here")
        assert found == tuple(conv(torch.zeros(1, 1, *size)).shape[2:])
