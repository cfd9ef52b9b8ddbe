from itertools import pairwise
from math import prod

import pytest
import torch

from torchcaps.nn import ConvDecoder, MLPDecoder

SHAPES = [(1, 7, 5), (3, 28, 28), (2, 33, 20), (1, 1, 1)]


def build(kind, shape):
    torch.manual_seed(0)
    return MLPDecoder(6, shape, (8, 12)) if kind == "mlp" else ConvDecoder(6, shape, 8)


@pytest.mark.parametrize("kind", ["mlp", "conv"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("batch", [0, 1, 3])
def test_any_size_is_drawn_in_pixels_of_0_to_1(kind, shape, batch):
    pictures = build(kind, shape)(20 * torch.randn(batch, 6))
    assert pictures.shape == (batch, *shape)
    assert ((pictures >= 0) & (pictures <= 1)).all()


@pytest.mark.parametrize("kind", ["mlp", "conv"])
@pytest.mark.parametrize("shape", SHAPES[:3], ids=str)
def test_every_pixel_depends_on_the_pose_and_every_parameter_learns(kind, shape):
    decoder = build(kind, shape)
    pose = torch.randn(4, 6)
    decoder(pose).square().sum().backward()
    for name, parameter in decoder.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name
    assert (decoder(pose)[0] != decoder(pose)[1]).float().mean() > 0.99


@pytest.mark.parametrize("kind", ["mlp", "conv"])
def test_a_picture_depends_on_its_own_pose_alone(kind):
    decoder = build(kind, (2, 9, 6)).double()
    pose = torch.randn(3, 6, dtype=torch.float64)
    torch.testing.assert_close(decoder(pose)[1:2], decoder(pose[1:2]))


def test_the_papers_decoder_has_its_parameters():
    decoder = MLPDecoder(160, (1, 28, 28))
    widths = (160, 512, 1024, 784)
    expected = sum(a * b + b for a, b in pairwise(widths))
    assert sum(p.numel() for p in decoder.parameters()) == expected == 1_411_344


def test_the_convolutional_decoder_stays_small_on_large_images():
    shape = (3, 96, 64)
    parameters = sum(p.numel() for p in ConvDecoder(16, shape).parameters())
    assert parameters < 1024 * prod(shape) / 10
