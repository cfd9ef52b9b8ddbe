"""The residual network with class capsules: its sizes, and what its capsules see."""

import pytest
import torch
from torch import nn

import torchcaps as tc
from torchcaps.models import CapsNetResNet


def build(in_shape, **options):
    torch.manual_seed(0)
    model = tc.create_model("capsnet_resnet", in_shape, 10, **options)
    assert isinstance(model, CapsNetResNet)
    return model


@pytest.mark.parametrize(("decoder", "parameters"), [("none", 3_317_216), ("conv", 4_171_771)])
def test_it_has_less_than_five_million_parameters_at_224_pixels(decoder, parameters):
    with torch.device("meta"):
        model = build((3, 224, 224), decoder=decoder)
    assert sum(p.numel() for p in model.parameters()) == parameters < 5_000_000


@pytest.mark.parametrize(
    ("size", "grid"),
    [
        ((224, 224), (7, 7)),
        ((256, 192), (16, 12)),
        ((64, 64), (8, 8)),
        ((100, 300), (13, 38)),
        ((28, 28), (7, 7)),
        ((8, 8), (8, 8)),
        ((4, 9), (4, 9)),
    ],
    ids=str,
)
def test_maps_are_halved_while_seven_pixels_are_left(size, grid):
    with torch.device("meta"):
        model = build((3, *size), stem_channels=4)
        features = model.features(torch.rand(1, 3, *size))
    assert tuple(features.shape[2:]) == grid
    assert model.head.grid(features.shape[1:]) == grid
    assert model.field(grid)[:2] == grid


@pytest.mark.parametrize("size", [(30, 30), (64, 80)], ids=str)
def test_a_capsule_sees_the_square_that_its_explanation_says(size):
    """Gradients of one position's features, without the norms, which read the whole image."""
    model = build((1, *size), stem_channels=2).double()
    for module in model.backbone.modules():
        for name, child in module.named_children():
            if isinstance(child, nn.GroupNorm):
                setattr(module, name, nn.Identity())
            elif isinstance(child, nn.ReLU):
                setattr(module, name, nn.Softplus())
        if isinstance(module, nn.Conv2d):
            nn.init.constant_(module.weight, 0.01)
    images = torch.rand(1, 1, *size, dtype=torch.float64, requires_grad=True)
    features = model.features(images)
    field = model.field(tuple(features.shape[2:]))
    for row, column in ((0, 0), (field.rows // 2, field.columns - 1)):
        (found,) = torch.autograd.grad(features[0, :, row, column].sum(), images, retain_graph=True)
        top, left = field.top + field.stride * row, field.left + field.stride * column
        expected = torch.zeros(size, dtype=torch.bool)
        expected[max(top, 0) : top + field.side, max(left, 0) : left + field.side] = True
        assert torch.equal(found[0, 0] != 0, expected)


def test_no_image_depends_on_the_others_in_training():
    model, images = build((3, 16, 16), stem_channels=4).double().train(), torch.rand(3, 3, 16, 16)
    together = model(images.double()).scores
    torch.testing.assert_close(model(images[1:2].double()).scores, together[1:2])


@pytest.mark.parametrize("size", [(3, 64), (64, 3), (1, 1)])
def test_images_too_small_are_refused(size):
    text = rf"CapsNetResNet, in_shape: expected at least 4x4 pixels; got {size[0]}x{size[1]}; use"
    with pytest.raises(ValueError, match=text):
        build((3, *size))
