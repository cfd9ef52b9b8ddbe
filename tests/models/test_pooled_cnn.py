"""The control differs from the CapsNet in what it is to control for, and in nothing else."""

import pytest
import torch

import torchcaps as tc
from torchcaps.models import CapsNet, PooledCNN


def count(module):
    return sum(p.numel() for p in module.parameters())


def pair(in_shape=(1, 32, 32), num_classes=3, **options):
    capsnet = tc.create_model("capsnet_small", in_shape, num_classes, **options)
    control = tc.create_model("pooled_cnn", in_shape, num_classes, **options)
    assert isinstance(capsnet, CapsNet)
    assert isinstance(control, PooledCNN)
    return capsnet, control


@pytest.mark.parametrize(
    ("in_shape", "num_classes", "options"),
    [
        ((1, 32, 32), 3, {}),
        ((1, 28, 28), 10, {}),
        ((3, 33, 20), 7, {}),
        ((1, 8, 8), 10, {}),
        ((1, 20, 20), 2, {"types": 3, "primary_dim": 5, "kernel_size": 5, "pose_dim": 6}),
        ((1, 20, 20), 2, {"stem_channels": 9, "decoder_width": 20}),
    ],
    ids=str,
)
def test_it_has_as_many_parameters(in_shape, num_classes, options):
    with torch.device("meta"):
        capsnet, control = pair(in_shape, num_classes, **options)
    unit = sum(p.shape[-1] for p in control.hidden.parameters() if p.ndim == 2) + 1 + num_classes
    assert abs(count(capsnet) - count(control)) <= unit / 2


def test_its_convolutions_are_those_of_the_capsnet():
    capsnet, control = pair()
    ours = [p.shape for p in (*capsnet.stem.parameters(), *capsnet.primary.parameters())]
    assert [p.shape for p in control.features.parameters()] == ours
    control.features[0].load_state_dict(capsnet.stem.state_dict())
    control.features[2].load_state_dict(capsnet.primary.conv.state_dict())
    images = torch.rand(2, 1, 32, 32)
    drive = capsnet.primary.conv(capsnet.stem(images).relu()).relu()
    assert drive.shape == (2, 64, 14, 14)
    wanted = drive.unflatten(3, (7, 2)).unflatten(2, (7, 2)).mean((3, 5))
    torch.testing.assert_close(control.features(images), wanted.flatten(1))


def test_where_a_thing_is_within_a_pool_is_lost():
    _, control = pair((1, 13, 13), 2)
    pool = control.features[4]
    corner, other = torch.zeros(2, 1, 64, 4, 4)
    corner[:, :, 0, 0] = other[:, :, 1, 1] = 1
    assert torch.equal(pool(corner), pool(other))
    assert not torch.equal(pool(corner), pool(corner.roll(1, -1).roll(1, -1)))


def test_at_least_one_hidden_unit_is_left():
    _, control = pair((1, 64, 64), 2, pose_dim=1, decoder_width=1, primary_dim=1, types=1)
    assert control(torch.rand(1, 1, 64, 64)).scores.shape == (1, 2)
