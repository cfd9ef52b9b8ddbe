"""Errors whose value is known: exact turns have none, a layer that does not turn has all of it."""

import pytest
import torch

import torchcaps as tc
from torchcaps.analysis.representation.equivariance_error import equivariance_errors
from torchcaps.data.transforms import rotate


@pytest.fixture
def model():
    torch.manual_seed(0)
    options = {"n": 8, "channels": (3, 4), "types": 4, "decoder": "none"}
    return tc.create_model("equivariant_capsnet", (1, 28, 28), 4, **options).double().eval()


@pytest.fixture
def images():
    return torch.rand(3, 1, 28, 28, generator=torch.Generator().manual_seed(1)).double()


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_quarter_turns_have_no_error_in_any_layer(model, images, quarters):
    errors = equivariance_errors(
        model, images, torch.rot90(images, quarters, (2, 3)), 90 * quarters
    )
    assert list(errors) == [
        "1 LiftingConv2d", "2 GroupNorm", "3 ReLU", "4 SmoothPool2d", "5 GroupConv2d",
        "6 GroupNorm", "7 ReLU", "primary capsules", "poses",
    ]  # fmt: skip
    assert max(errors.values()) < 1e-10


def test_a_turn_that_was_not_made_is_all_error(model, images):
    """Noise tells nothing about the turn: f(gx) is as far from rho(g) f(x) as from f(x)."""
    other = torch.rand(3, 1, 28, 28, generator=torch.Generator().manual_seed(2)).double()
    errors = equivariance_errors(model, images, other, 90)
    assert all(0.3 < error < 3 for error in errors.values())


def test_the_layer_that_breaks_the_symmetry_is_named(model, images):
    model.primary.table[:, 0] += 0.05
    errors = equivariance_errors(model, images, torch.rot90(images, 1, (2, 3)), 90)
    assert errors["7 ReLU"] < 1e-10
    assert errors["primary capsules"] > 1e-3 < errors["poses"]


def test_interpolation_counts(model):
    y, x = torch.meshgrid(*2 * [torch.arange(28, dtype=torch.float64) - 13.5], indexing="ij")

    def drawn(degrees):
        t = torch.deg2rad(torch.tensor(degrees, dtype=torch.float64))
        u, v = t.cos() * x - t.sin() * y, t.sin() * x + t.cos() * y
        return torch.exp(-((u - 3) ** 2 / 3 + (v + 2) ** 2 / 9))[None, None]

    own = equivariance_errors(model, drawn(0.0), drawn(45.0), 45)
    both = equivariance_errors(model, drawn(0.0), rotate(drawn(0.0), 45), 45)
    assert own["1 LiftingConv2d"] < 0.05
    assert both["1 LiftingConv2d"] > own["1 LiftingConv2d"]
    assert own["poses"] < 0.5
