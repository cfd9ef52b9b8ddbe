import pytest
import torch

from torchcaps.ops import cyclic_shift, lengths, regular_representation, rotate_pose
from torchcaps.ops.groups_window import orientation_degrees, orientation_window, peak_angle


def pose(*shape):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("n", [1, 4, 5, 8])
def test_the_representation_is_a_group_of_permutations(n):
    x = pose(3, n)
    for g in range(-1, n + 1):
        matrix = regular_representation(n, g)
        torch.testing.assert_close(x @ matrix.T, cyclic_shift(x, g, -1))
        torch.testing.assert_close(matrix @ matrix.T, torch.eye(n, dtype=torch.float64))
        product = matrix @ regular_representation(n, 2)
        assert torch.equal(product, regular_representation(n, g + 2))


@pytest.mark.parametrize("n", [4, 5, 8, 16])
@pytest.mark.parametrize("steps", [-1, 0, 1, 3])
def test_whole_steps_are_the_cyclic_shift(n, steps):
    v = pose(2, 3, n, 2)
    turned = rotate_pose(v, steps * 360 / n)
    torch.testing.assert_close(turned, v.roll(steps, -2), rtol=0, atol=1e-13)
    flat = rotate_pose(v.flatten(-2), steps * 360 / n, n=n)
    assert torch.equal(flat, turned.flatten(-2))


@pytest.mark.parametrize("n", [7, 8])
def test_turning_composes_and_keeps_lengths(n):
    """With n even, frequency n/2 cannot turn by less than a step: it is taken out first."""
    v = pose(2, n, 3)
    alternating = torch.tensor([(-1.0) ** a for a in range(n)], dtype=torch.float64)[:, None]
    if n % 2 == 0:
        v = v - alternating * (alternating * v).mean(-2, keepdim=True)
    torch.testing.assert_close(rotate_pose(rotate_pose(v, 20.5), 31.0), rotate_pose(v, 51.5))
    torch.testing.assert_close(rotate_pose(rotate_pose(v, 20.5), -20.5), v)
    torch.testing.assert_close(lengths(rotate_pose(v, 20.5).flatten(1)), lengths(v.flatten(1)))
    assert (rotate_pose(v, 20.5) - v).abs().max() > 0.1


def test_each_image_turns_by_its_own_angle_and_the_angle_has_a_gradient():
    poses = pose(3, 2, 16).requires_grad_()
    angles = torch.tensor([0.0, 45.0, 10.0], dtype=torch.float64, requires_grad=True)
    turned = rotate_pose(poses, angles, n=8)
    for one, angle, expected in zip(poses, angles, turned, strict=True):
        torch.testing.assert_close(rotate_pose(one, angle.item(), n=8), expected)
    assert torch.autograd.gradcheck(lambda p, a: rotate_pose(p, a, n=8), (poses, angles))


def test_a_pose_of_another_group_is_refused():
    with pytest.raises(ValueError, match=r"rotate_pose, n: expected a divisor of .* 10; got 4; "):
        rotate_pose(torch.zeros(2, 10), 90, n=4)


@pytest.mark.parametrize("n", [6, 7, 16])
@pytest.mark.parametrize("window", [30, 60, 100, 180])
def test_the_window_holds_its_degrees_on_both_sides(n, window):
    weights, degrees = orientation_window(n, window), orientation_degrees(n).abs()
    assert ((weights >= 0) & (weights <= 1)).all()
    assert weights[0] == 1
    torch.testing.assert_close(weights[1:], weights[1:].flip(0))
    assert (weights[degrees <= window - 180 / n] == 1).all()
    assert (weights[degrees >= window + 180 / n] == 0).all() or window == 180


@pytest.mark.parametrize("n", [8, 16])
def test_the_peak_of_a_smooth_bump_is_found_between_orientations(n):
    for angle in (-170.0, -93.0, -8.0, 0.0, 11.0, 45.0, 179.0):
        bump = torch.exp(4 * torch.cos(torch.deg2rad(orientation_degrees(n) - angle)))
        error = (peak_angle(bump) - angle + 180) % 360 - 180
        assert abs(error) < 40 / n  # a ninth of a step


def test_the_peak_is_looked_for_inside_the_window():
    strength = torch.tensor([[1.0, 3, 0, 0, 9, 0, 0, 0], [0, 0, 0, 0, 9, 0, 0, 2]])
    found = peak_angle(strength, 60)
    assert found[0] == pytest.approx(45 - 45 / 10)
    assert found[1] == -45
    assert (peak_angle(strength) == 180).all()


def test_a_flat_pose_has_some_angle():
    assert peak_angle(torch.zeros(2, 3, 8)).shape == (2, 3)
    assert (peak_angle(torch.zeros(2, 3, 8)) == 0).all()
