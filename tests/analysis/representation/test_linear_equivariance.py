"""Fitted maps whose error is known: layers equivariant by construction, invariant ones, noise."""

import pytest
import torch

import torchcaps as tc
from torchcaps.analysis.representation.linear_equivariance import (
    LinearEquivarianceFit,
    measure_linear_equivariance,
)
from torchcaps.analysis.representation.ridge import Splits
from torchcaps.data import ImageDataset
from torchcaps.models import CapsNet
from torchcaps.models.model import POSE


def noise(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def parts(x, n=(200, 100, 500)):
    return Splits(*x.split(n))


def measure(before, after, n=(200, 100, 500)):
    return LinearEquivarianceFit(parts(before, n)).measure(parts(after, n))


def circular(signals):
    """Convolution with a ring of five numbers, and a ReLU: shifting before is shifting after."""
    weight = noise(3, 1, 5, seed=7)
    padded = torch.nn.functional.pad(signals[:, None], (2, 2), mode="circular")
    return torch.nn.functional.conv1d(padded, weight).relu().flatten(1)


@pytest.mark.parametrize("shift", [1, 5])
def test_a_circular_convolution_is_equivariant_to_shifts(shift):
    signals = noise(800, 12)
    found = measure(circular(signals), circular(signals.roll(shift, 1)))
    assert found.error < 1e-9
    assert found.r2 == pytest.approx(1, abs=1e-12)
    assert found.change > 1
    assert 0 < found.lengths < 0.5


def test_a_layer_that_knows_where_things_are_is_not_equivariant():
    signals, place = noise(800, 12), noise(36, seed=3)
    found = measure(circular(signals) * place.abs(), circular(signals.roll(1, 1)) * place.abs())
    assert found.error < 1e-9, "scaled by place: still linear"
    wrong = measure(
        (circular(signals) + place).relu().square(),
        (circular(signals.roll(1, 1)) + place).relu().square(),
    )
    assert 0.1 < wrong.error < 1


@pytest.mark.parametrize("size", [0.1, 1.0, 3.0])
def test_a_change_by_chance_is_all_missed(size):
    before = noise(800, 4)
    found = measure(before, before + size * noise(800, 4, seed=1))
    assert found.error == pytest.approx(1, abs=0.03)
    assert found.r2 == pytest.approx(1 / (1 + size**2), abs=0.05)
    assert found.change == pytest.approx(size, rel=0.05)


def test_another_image_in_its_place_leaves_the_mean_to_be_told():
    """Of two independent vectors with the same spread, their distance is √2 spreads, and the mean
    misses one."""
    found = measure(noise(800, 4), noise(800, 4, seed=1))
    assert found.error == pytest.approx(2**-0.5, abs=0.03)
    assert found.r2 == pytest.approx(0, abs=0.03)


def test_every_class_has_a_map_of_its_own_where_it_is_asked_for():
    before, labels = noise(800, 4), torch.arange(800) % 2
    turns = torch.stack([torch.linalg.qr(noise(4, 4, seed=k)).Q for k in (1, 2)])
    after = torch.einsum("nf,nfg->ng", before, turns[labels])
    own = LinearEquivarianceFit(parts(before), parts(labels)).measure(parts(after))
    assert own.error < 1e-9
    assert own.change == pytest.approx(measure(before, after).change)
    assert measure(before, after).error > 0.3


def test_a_class_that_nothing_can_be_fitted_on_is_refused():
    labels = Splits(torch.zeros(200), torch.arange(100) % 2, torch.arange(500) % 2)
    with pytest.raises(
        ValueError, match=r"LinearEquivarianceFit, labels: .* got none of class 1 to f"
    ):
        LinearEquivarianceFit(parts(noise(800, 4)), labels)


def test_nothing_that_changes_is_nothing_missed():
    before = noise(800, 4)
    for after in (before, before + 1e-9 * noise(800, 4, seed=1)):
        found = measure(before, after)
        assert (found.error, found.r2, found.change, found.lengths) == (0, 1, 0, 0)
    silent = torch.zeros(800, 4)
    assert measure(silent, silent).error == 0


def test_a_change_above_rounding_counts():
    before = noise(800, 4)
    found = measure(before, before + 1e-4 * noise(800, 4, seed=1))
    assert found.error == pytest.approx(1, abs=0.03)


def test_offsets_and_factors_belong_to_the_map():
    before = noise(800, 4) + 5
    for after in (before + 2, 3 * before):
        assert measure(before, after).error < 1e-9
    assert measure(before, 3 * before).lengths == pytest.approx(2)
    turned = before @ torch.linalg.qr(noise(4, 4, seed=1)).Q
    assert measure(before, turned).lengths == pytest.approx(0, abs=1e-12)
    assert measure(before, turned).error < 1e-9


def test_more_features_than_images():
    """What has few directions is told exactly; where there is no law, training shows a false one,
    and the error is not charged for it: what is not known stays as it was."""
    hidden, frame = noise(800, 6), noise(6, 400, seed=1)
    turn = torch.linalg.qr(noise(6, 6, seed=2)).Q
    assert measure(hidden @ frame, hidden @ turn @ frame).error < 1e-5
    before = noise(800, 400, seed=3)
    lawless = measure(before, before + noise(800, 400, seed=4))
    assert lawless.error == pytest.approx(1, abs=0.02)


def test_a_constant_layer_that_moves_is_told_by_the_offset():
    before = torch.ones(800, 3)
    found = measure(before, 2 * before)
    assert (found.error, found.r2, found.lengths) == (0, 1, 1)


def datasets(size):
    """Random images, and labels 0 and 1."""
    found = []
    for seed, count in enumerate((150, 50, 60)):
        generator = torch.Generator().manual_seed(seed)
        images = torch.rand(count, 1, size, size, generator=generator)
        found.append(ImageDataset(images, torch.arange(count) % 2, ("a", "b")))
    return Splits(*found)


def test_a_network_that_turns_by_construction_and_one_that_does_not():
    torch.manual_seed(0)
    options = {"n": 4, "channels": (2, 2), "types": 2, "pose_dim": 2, "decoder": "none"}
    turning = tc.create_model("equivariant_capsnet", (1, 8, 8), 2, **options)
    plain = tc.create_model("cnn", (1, 8, 8), 2, channels=(4, 4), hidden=8)
    steps = []
    found = {
        model.name: measure_linear_equivariance(
            model,
            datasets(8),
            {"quarter": {"degrees": 90.0}, "none": {}, "pixel": {"dx": 1.0}},
            each=lambda: steps.append(None),
        )
        for model in (turning, plain)
    }
    assert len(steps) == 6
    pose, last = found["equivariant_capsnet"][POSE], found["cnn"]["penultimate"]
    assert pose["quarter"].error < 1e-4 < 0.1 < last["quarter"].error < 1.05
    assert pose["quarter"].lengths < 1e-5 < last["quarter"].lengths
    assert pose["pixel"].error > 0.1
    for layers in found.values():
        assert layers["image"]["quarter"].error < 1e-5
        assert layers["image"]["pixel"].error < 1e-5
        assert all(layer["none"].error == 0 for layer in layers.values())


def test_the_pose_is_that_of_the_label():
    """A second class that is silent has a pose that nothing changes."""
    torch.manual_seed(0)
    model = CapsNet((1, 8, 8), 2, kernel_size=3, stem_channels=4, types=2, init_std=None)
    with torch.no_grad():
        model.capsules.weight[:, 1] = 0
    of_b = Splits(*(part.subset(part.labels == 1) for part in datasets(8)))
    turn = {"turn": {"degrees": 30.0}}
    assert measure_linear_equivariance(model, of_b, turn)[POSE]["turn"].change == 0
    assert measure_linear_equivariance(model, datasets(8), turn)[POSE]["turn"].change > 0.1
