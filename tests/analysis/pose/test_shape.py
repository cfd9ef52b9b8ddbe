"""Shapes whose measures are known: bars, ellipses and rings, moved by known amounts."""

from math import pi, sqrt

import pytest
import torch

from torchcaps.analysis.pose.shape import QUANTITIES, measure_shape
from torchcaps.data.transforms import affine, rotate, shift

SIZE = 64


def bar(width, height, left=20, top=12, size=SIZE, grey=1.0):
    """A rectangle of whole pixels."""
    image = torch.zeros(1, 1, size, size)
    image[..., top : top + height, left : left + width] = grey
    return image


def disc(a, b=None, degrees=0.0, size=129):
    """A full ellipse around the centre, half axes a across and b down, soft at its edge."""
    y, x = torch.meshgrid(*[torch.arange(size) - (size - 1) / 2] * 2, indexing="ij")
    angle = torch.tensor(degrees).deg2rad()
    u, v = angle.cos() * x - angle.sin() * y, angle.sin() * x + angle.cos() * y
    radius = ((u / a) ** 2 + (v / (b or a)) ** 2).sqrt()
    gradient = ((u / a**2) ** 2 + (v / (b or a) ** 2) ** 2).sqrt() / radius.clamp_min(1e-9)
    return (0.5 - (radius - 1) / gradient.clamp_min(1e-9)).clamp(0, 1)[None, None]


def of(images, quantity):
    return getattr(measure_shape(images), quantity).tolist()


@pytest.mark.parametrize(("width", "height"), [(12, 4), (1, 9), (3, 3), (8, 1), (1, 1)])
def test_a_bar_has_its_sides_its_place_and_its_ink(width, height):
    shape = measure_shape(bar(width, height))
    assert shape.ink.tolist() == [width * height]
    assert shape.width.item() == pytest.approx(width, rel=1e-5)
    assert shape.height.item() == pytest.approx(height, rel=1e-5)
    assert shape.x.item() == pytest.approx(20 + width / 2 - SIZE / 2, abs=1e-4)
    assert shape.y.item() == pytest.approx(12 + height / 2 - SIZE / 2, abs=1e-4)
    assert shape.slant.item() == pytest.approx(0, abs=1e-4)
    outline = 2 * (width + height) - 4 + 2 * sqrt(2)  # the corners are cut
    assert shape.thickness.item() == pytest.approx(2 * width * height / outline, rel=1e-5)


@pytest.mark.parametrize(("a", "b", "degrees"), [(30, 12, 0), (30, 12, 25), (20, 40, -10)])
def test_an_ellipse_has_the_moments_of_an_ellipse(a, b, degrees):
    """Along its axes the second moments are a²/4 and b²/4; its area is pi a b."""
    shape = measure_shape(disc(a, b, degrees).double())
    angle = torch.tensor(degrees, dtype=torch.float64).deg2rad()
    cos, sin = angle.cos(), angle.sin()
    xx, yy = ((cos * a) ** 2 + (sin * b) ** 2) / 4, ((sin * a) ** 2 + (cos * b) ** 2) / 4
    xy = cos * sin * (b**2 - a**2) / 4  # y is down
    assert shape.ink.item() == pytest.approx(pi * a * b, rel=1e-3)
    assert shape.width.item() == pytest.approx(sqrt(12 * xx.item()), rel=3e-3)
    assert shape.height.item() == pytest.approx(sqrt(12 * yy.item()), rel=3e-3)
    assert shape.slant.item() == pytest.approx((xy / yy).item(), abs=3e-3)
    axis = degrees if a > b else degrees + 90
    assert shape.rotation.item() == pytest.approx(axis, abs=0.05)
    if degrees == 0:
        assert shape.width.item() == pytest.approx(sqrt(3) * a, rel=3e-3)


@pytest.mark.parametrize(("radius", "thickness"), [(20, 4), (40, 8), (40, 3)])
def test_a_ring_is_as_thick_as_its_stroke_however_faint(radius, thickness):
    ring = disc(radius + thickness / 2) - disc(radius - thickness / 2)
    assert of(ring, "thickness") == pytest.approx([thickness], rel=0.02)
    assert of(0.3 * ring, "thickness") == pytest.approx(of(ring, "thickness"))
    assert of(0.3 * ring, "ink") == pytest.approx([0.3 * of(ring, "ink")[0]])


def test_a_long_stroke_is_as_thick_as_it_is_whatever_its_slant():
    for degrees in (0, 20, 45, 90):
        stroke = rotate(bar(80, 5, left=24, top=62, size=129), degrees)
        assert of(stroke, "thickness") == pytest.approx([80 * 5 / 85], rel=0.06)


def test_what_is_moved_has_moved_by_as_much_and_is_else_the_same():
    before = measure_shape(bar(9, 5))
    after = measure_shape(shift(bar(9, 5), 3.0, -2.5))
    assert (after.x - before.x).item() == pytest.approx(3, abs=1e-4)
    assert (after.y - before.y).item() == pytest.approx(-2.5, abs=1e-4)
    assert after.ink.item() == pytest.approx(45, rel=1e-5)
    assert after.width.item() == pytest.approx(9, rel=1e-4)


@pytest.mark.parametrize("shear", [-0.7, 0.25, 1.0])
def test_a_shear_adds_itself_to_the_slant(shear):
    for image in (bar(9, 30, left=28, top=17), disc(8, 20, 10.0, size=SIZE)):
        slanted = affine(image, shear=shear)
        assert of(slanted, "slant")[0] - of(image, "slant")[0] == pytest.approx(shear, abs=2e-3)
        assert of(slanted, "height") == pytest.approx(of(image, "height"), rel=1e-4)


@pytest.mark.parametrize("degrees", [-80, -30, 10, 45, 89])
def test_a_turn_turns_the_axis_counter_clockwise(degrees):
    bar_lying = bar(41, 7, left=12, top=29, size=65)
    assert of(rotate(bar_lying, degrees), "rotation") == pytest.approx([degrees], abs=0.1)


def test_scale_makes_everything_larger_but_slant_and_rotation():
    ring = affine(disc(20, size=129) - disc(16, size=129), shear=0.5)
    once, twice = measure_shape(ring), measure_shape(affine(ring, scale=2.0))
    assert twice.ink.item() == pytest.approx(4 * once.ink.item(), rel=0.01)
    for name in ("width", "height", "thickness"):
        assert getattr(twice, name) == pytest.approx(2 * getattr(once, name).item(), rel=0.02)
    for name in ("slant", "rotation"):
        assert getattr(twice, name).item() == pytest.approx(getattr(once, name).item(), rel=0.01)


def test_an_empty_image_is_0_in_everything_and_a_row_has_no_slant():
    empty, row = torch.zeros(1, 1, 11, 11), bar(7, 1, left=3, top=2, size=11)
    shape = measure_shape(torch.cat([empty, row, 0.1 * row]))
    assert [values[0].item() for values in shape] == [0] * len(QUANTITIES)
    assert shape.slant.tolist() == [0, 0, 0]
    assert shape.height.tolist() == pytest.approx([0, 1, 1], abs=1e-5)
    torch.manual_seed(0)
    rows = torch.zeros(50, 1, 30, 31)
    rows[:, :, 3] = torch.rand(50, 1, 31)
    assert measure_shape(rows).slant.abs().max() == 0, "nor by rounding"


def test_every_image_of_a_batch_is_its_own_and_channels_are_averaged():
    torch.manual_seed(0)
    images = torch.rand(5, 3, 9, 13)
    together = torch.stack(measure_shape(images))
    alone = [torch.stack(measure_shape(image[None])) for image in images]
    torch.testing.assert_close(together, torch.cat(alone, 1))
    torch.testing.assert_close(together, torch.stack(measure_shape(images.mean(1, keepdim=True))))
    assert QUANTITIES[:3] == ("ink", "x", "y")


@pytest.mark.parametrize("mirror", [(2,), (3,), (2, 3)])
def test_mirrored_images_mirror_what_has_a_side(mirror):
    torch.manual_seed(0)
    image = torch.rand(1, 1, 12, 9, dtype=torch.float64)
    one, other = measure_shape(image), measure_shape(image.flip(mirror))
    for name in ("ink", "width", "height", "thickness"):
        torch.testing.assert_close(getattr(one, name), getattr(other, name))
    torch.testing.assert_close(other.x, -one.x if 3 in mirror else one.x)
    torch.testing.assert_close(other.y, -one.y if 2 in mirror else one.y)
    turned = len(mirror) == 2
    torch.testing.assert_close(other.slant, one.slant if turned else -one.slant)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_narrow_numbers_are_measured_in_float32(dtype):
    shape = measure_shape(bar(40, 50, left=9, top=9).to(dtype))
    assert {values.dtype for values in shape} == {torch.promote_types(dtype, torch.float32)}
    assert shape.ink.item() == 2000, "more than float16 or bfloat16 can count in ones"
    assert shape.width.item() == pytest.approx(40, rel=1e-5)
