"""What dimensions of poses mean, for a decoder that moves known quantities by known amounts."""

from math import sqrt

import pytest
import torch
from torch import nn

import torchcaps as tc
from torchcaps.analysis.pose.perturbation import OFFSETS, move
from torchcaps.analysis.pose.pose_meaning import fit_line, measure_pose_meaning
from torchcaps.analysis.pose.shape import QUANTITIES
from torchcaps.data.transforms import affine
from torchcaps.models import CapsNet, Output

SIZE = 33
LABEL = 1


class Puppet(CapsNet):
    """Its poses are the first pixels of an image; its decoder moves a drawing by them."""

    def forward(self, images, labels=None):
        poses = images[:, 0, :3, :5]
        scores = poses.norm(dim=-1)
        index = scores.argmax(-1) if labels is None else labels
        return Output(scores, poses, reconstruction=self.decode(poses, index))


class Hand(nn.Module):
    """Dimension d of the pose p moves the drawing by `moves[d](drawing, p[d])`, in turn."""

    def __init__(self, drawing, moves):
        super().__init__()
        self.drawing, self.moves = drawing, moves

    def forward(self, pose):
        drawn = self.drawing.expand(len(pose), -1, -1, -1)
        for number, moves in zip(pose.T, self.moves, strict=False):
            drawn = moves(drawn, number)
        return drawn


def puppet(drawing, *moves):
    model = Puppet((1, SIZE, SIZE), 3, stem_channels=2, kernel_size=3, types=1, pose_dim=5)
    model.decoder = Hand(drawing, moves)
    return model


def bar(width=5, height=13):
    image = torch.zeros(1, 1, SIZE, SIZE)
    top, left = (SIZE - height) // 2, (SIZE - width) // 2
    image[..., top : top + height, left : left + width] = 0.5
    return image


def ellipse(a, b):
    y, x = torch.meshgrid(*[torch.arange(SIZE) - (SIZE - 1) / 2] * 2, indexing="ij")
    return (a * (1 - ((x / a) ** 2 + (y / b) ** 2).sqrt())).clamp(0, 1)[None, None]


def images_with(poses):
    """Images whose poses of LABEL are these [N, 5]; those of other classes are long and wild."""
    images = torch.full((len(poses), 1, SIZE, SIZE), 3.0)
    images[:, 0, LABEL, :5] = poses
    return images


def sideways(drawn, number):
    return affine(drawn, dx=10 * number)


def fainter(drawn, number):
    return drawn * (1 + number)[:, None, None, None]


def slanting(drawn, number):
    return affine(drawn, shear=number)


def downwards(drawn, number):
    return affine(drawn, dy=-4 * number)


def turning(drawn, number):
    return affine(drawn, degrees=150 * number + 80)


@pytest.fixture
def poses():
    torch.manual_seed(0)
    return 0.1 * torch.randn(12, 5)


def table(found, what):
    """By quantity, over the dimensions."""
    return {name: getattr(found, what)[:, k].tolist() for k, name in enumerate(found.quantities)}


def test_every_dimension_moves_its_own_quantity_and_no_other(poses):
    """x by 10 pixels for 1, ink by itself, y by -4 pixels; the fourth and fifth do nothing."""
    model = puppet(bar(), sideways, fainter, downwards)
    found = measure_pose_meaning(model, images_with(poses), LABEL, batch_size=5)
    slopes, fits = table(found, "slopes"), table(found, "r_squared")
    assert slopes["x"] == pytest.approx([10, 0, 0, 0, 0], abs=1e-3)
    assert slopes["y"] == pytest.approx([0, 0, -4, 0, 0], abs=1e-3)
    # Of 65 pixels half grey: as much as there is without this dimension's 1 + p.
    assert slopes["ink"] == pytest.approx([0, 65 * 0.5, 0, 0, 0], rel=1e-4, abs=1e-2)
    assert [fits["x"][0], fits["ink"][1], fits["y"][2]] == pytest.approx([1, 1, 1])
    assert slopes["slant"] == pytest.approx([0] * 5, abs=1e-3)
    for name in QUANTITIES:
        assert slopes[name][3:] == fits[name][3:] == [0, 0], name
    assert found.images == 12


def test_standardised_slopes_are_in_standard_deviations(poses):
    """x = 10 p0 + 10 p4, whose standard deviations are known; p0 alone would have 1."""
    model = puppet(bar(), sideways, fainter, downwards, fainter, sideways)
    found = measure_pose_meaning(model, images_with(poses), LABEL)
    sd = (poses[:, 0] + poses[:, 4]).std().item()
    x, spread = table(found, "standardised")["x"], table(found, "spread")["x"]
    assert x[0] == pytest.approx(poses[:, 0].std().item() / sd, rel=1e-3)
    assert x[4] == pytest.approx(poses[:, 4].std().item() / sd, rel=1e-3)
    assert table(found, "standardised")["y"][2] == pytest.approx(-1, rel=1e-3)
    assert spread[0] == pytest.approx(0, abs=1e-3)


def test_a_slope_that_differs_between_images_has_a_spread(poses):
    """Ink is (1 + p0) (1 + p1): p0 moves it by 1 + p1, which is another number in each image."""
    model = puppet(bar(), fainter, fainter)
    found = measure_pose_meaning(model, images_with(poses), LABEL)
    own = 32.5 * (1 + poses[:, 1])
    at = QUANTITIES.index("ink")
    assert found.slopes[0, at].item() == pytest.approx(own.mean().item(), rel=1e-4)
    ratio = found.spread[0, at] / found.standardised[0, at]
    assert ratio.item() == pytest.approx((own.std() / own.mean()).item(), rel=1e-3)


def test_a_shear_moves_the_slant_by_itself(poses):
    found = measure_pose_meaning(puppet(bar(), slanting), images_with(poses), LABEL)
    assert table(found, "slopes")["slant"][0] == pytest.approx(1, abs=2e-3)
    assert table(found, "r_squared")["slant"][0] == pytest.approx(1, abs=1e-3)
    assert table(found, "slopes")["height"][0] == pytest.approx(0, abs=1e-3)


def test_an_axis_that_turns_past_the_upright_goes_on_turning(poses):
    """From 80 by 150 degrees for 1: drawings lie on both sides of where 90 becomes -90."""
    found = measure_pose_meaning(
        puppet(ellipse(14, 5), turning), images_with(poses), LABEL, OFFSETS
    )
    assert table(found, "slopes")["rotation"][0] == pytest.approx(150, rel=0.01)
    assert table(found, "r_squared")["rotation"][0] == pytest.approx(1, abs=1e-3)
    assert table(found, "standardised")["rotation"][0] == pytest.approx(1, rel=0.02)


def test_the_class_that_is_asked_about_is_moved_whatever_is_longest(poses):
    model = puppet(bar(), sideways)
    images = images_with(poses)
    assert (model(images, torch.full((12,), LABEL)).scores.argmax(-1) != LABEL).all()
    assert measure_pose_meaning(model, images, LABEL).slopes[0, 1].item() == pytest.approx(10)


def test_batches_of_any_size_give_the_same(poses):
    model, images = puppet(bar(), sideways, fainter, slanting), images_with(poses)
    together = measure_pose_meaning(model, images, LABEL)
    apart = measure_pose_meaning(model, images, LABEL, batch_size=5)
    for what in ("slopes", "standardised", "spread", "r_squared"):
        torch.testing.assert_close(
            getattr(together, what), getattr(apart, what), rtol=1e-3, atol=1e-3
        )


def test_real_capsules_have_numbers_too():
    torch.manual_seed(0)
    model = tc.create_model("capsnet_small", (1, 8, 8), 3, pose_dim=6).train()
    found = measure_pose_meaning(model, torch.rand(7, 1, 8, 8), 2)
    assert found.slopes.shape == found.r_squared.shape == (6, len(QUANTITIES))
    assert ((found.r_squared >= 0) & (found.r_squared <= 1)).all()
    assert found.slopes.abs().max() > 0
    assert model.training


def test_every_image_is_moved_as_it_would_be_alone():
    torch.manual_seed(0)
    model = tc.create_model("capsnet_small", (1, 8, 8), 3, pose_dim=4).eval()
    assert isinstance(model, CapsNet)
    poses, index = torch.rand(3, 3, 4), torch.tensor([2, 0, 1])
    with torch.no_grad():
        drawn = move(model, poses, index, (-0.5, 0.0, 0.25))
        assert drawn.shape == (3, 4, 3, 1, 8, 8)
        for n, k in ((0, 2), (1, 0), (2, 1)):
            moved = poses[n : n + 1].clone()
            moved[0, k, 3] += 0.25
            wanted = model.decode(moved, torch.tensor([k]))
            torch.testing.assert_close(drawn[n, 3, 2][None], wanted)


@pytest.mark.parametrize(
    ("y", "slope", "fit"),
    [
        ([1.0, 3.0, 5.0, 7.0], 2.0, 1.0),
        ([0.0, 1.0, 1.0, 0.0], 0.0, 0.0),
        ([0.0, 1.0, 0.0, 1.0], 0.2, 0.2),
        ([5.0, 5.0, 5.0, 5.0], 0.0, 0.0),
        ([1e4, 1e4 + 1e-3, 1e4, 1e4], 0.0, 0.0),
        ([0.0, 1e-6, 2e-6, 3e-6], 0.0, 0.0),  # rounding of something that is 0
    ],
)
def test_lines_by_hand(y, slope, fit):
    found = fit_line(torch.tensor([-1.0, 0.0, 1.0, 2.0]), torch.tensor([y, y]))
    assert [values.tolist() for values in found] == [
        pytest.approx([slope] * 2, abs=1e-6),
        pytest.approx([fit] * 2, abs=1e-6),
    ]
    _, whole = fit_line(torch.tensor([0.0, sqrt(2)]), torch.tensor([0.0, 1.0]))
    assert whole == pytest.approx(1)


@pytest.mark.parametrize(
    ("count", "offsets", "text"),
    [
        (1, OFFSETS, "images: expected at least 2 of the class; got 1; take some dozens"),
        (3, (0.0, 0.1, 0.1), r"offsets: expected at least 3 different ones; got \(0.0, 0.1, 0.1\)"),
    ],
)
def test_too_little_is_refused(poses, count, offsets, text):
    with pytest.raises(ValueError, match=f"measure_pose_meaning, {text}"):
        measure_pose_meaning(puppet(bar()), images_with(poses[:count]), LABEL, offsets)


@pytest.mark.usefixtures("unchecked")
def test_a_model_that_draws_nothing_is_refused():
    with pytest.raises(ValueError, match="measure_pose_meaning, model: expected capsules and a d"):
        measure_pose_meaning(tc.create_model("cnn", (1, 8, 8), 3), torch.rand(4, 1, 8, 8), 0)
