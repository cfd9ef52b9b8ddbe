import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from torchcaps.data.transforms import affine, place, random_shift, rotate, shift

SIZES = st.tuples(st.integers(1, 9), st.integers(1, 9))
few = settings(max_examples=40, deadline=None)


def noise(height, width, batch=2, channels=2, dtype=torch.float64):
    generator = torch.Generator().manual_seed(height * 100 + width)
    shape = (batch, channels, height, width)
    return torch.rand(shape, generator=generator, dtype=torch.float64).to(dtype)


def moved(image, right, down):
    """An exact move of [H,W] by whole pixels, one pixel at a time."""
    result = torch.zeros_like(image)
    height, width = image.shape
    for y in range(height):
        for x in range(width):
            if 0 <= y - down < height and 0 <= x - right < width:
                result[y, x] = image[y - down, x - right]
    return result


def by_hand(image, degrees, scale, dx, dy, shear, stretch):
    """The docstring's formula, pixel by pixel, in numpy: invert the matrix, blend four pixels."""
    angle = math.radians(degrees)
    turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    back = np.linalg.inv(turn @ np.diag([scale * stretch, scale]) @ np.array([[1, shear], [0, 1]]))
    height, width = image.shape
    centre = np.array([(width - 1) / 2, (height - 1) / 2])
    result = np.zeros((height, width))
    for row in range(height):
        for column in range(width):
            x, y = back @ (np.array([column, row]) - centre - [dx, dy]) + centre
            for v in (math.floor(y), math.floor(y) + 1):
                for u in (math.floor(x), math.floor(x) + 1):
                    if 0 <= v < height and 0 <= u < width:
                        result[row, column] += (1 - abs(x - u)) * (1 - abs(y - v)) * image[v, u]
    return torch.from_numpy(result)


@few
@given(
    SIZES,
    st.floats(-400, 400),
    st.floats(0.4, 2.5),
    st.floats(-3, 3),
    st.floats(-3, 3),
    st.floats(-1, 1),
    st.floats(0.4, 2.5),
)
def test_affine_is_its_formula(size, degrees, scale, dx, dy, shear, stretch):
    images = noise(*size)
    result = affine(images, degrees, scale, dx, dy, shear, stretch)
    for got, image in zip(result.flatten(0, 1), images.flatten(0, 1), strict=True):
        expected = by_hand(image.numpy(), degrees, scale, dx, dy, shear, stretch)
        torch.testing.assert_close(got, expected, atol=1e-10, rtol=0)


@few
@given(
    SIZES, st.integers(-9, 9), st.integers(-9, 9), st.sampled_from([torch.float32, torch.float64])
)
def test_whole_pixel_shifts_are_exact(size, dx, dy, dtype):
    images = noise(*size, dtype=dtype)
    result = shift(images, dx, dy)
    assert result.dtype == dtype
    for got, image in zip(result.flatten(0, 1), images.flatten(0, 1), strict=True):
        assert torch.equal(got, moved(image, dx, dy))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("quarters", [-5, -1, 0, 1, 2, 3, 4, 9])
@pytest.mark.parametrize("size", [1, 8, 27, 28])
def test_quarter_turns_are_rot90(quarters, size, dtype):
    images = noise(size, size, dtype=dtype)
    expected = torch.rot90(images, quarters, dims=(-2, -1))
    assert torch.equal(rotate(images, 90.0 * quarters), expected)
    assert torch.equal(rotate(images, torch.full((2,), 90.0 * quarters)), expected)


def test_half_a_turn_of_an_oblong_image():
    images = noise(5, 8)
    assert torch.equal(rotate(images, 180), images.flip(-1, -2))


def test_directions_as_seen_on_the_screen():
    image = torch.zeros(1, 1, 9, 9)
    image[..., 4, 8] = 1  # to the right of the centre

    def middle(result):
        return divmod(result.flatten().argmax().item(), 9)

    assert middle(image) == (4, 8)
    assert middle(rotate(image, 90)) == (0, 4)  # counter-clockwise: up
    assert middle(shift(image, -3, 0)) == (4, 5)
    assert middle(shift(image, 0, 2)) == (6, 8)
    assert middle(affine(image, scale=0.5)) == (4, 6)
    assert middle(affine(shift(image, -4, 2), shear=1)) == (6, 6)  # 2 down is 2 to the right
    assert middle(affine(image, degrees=90, dx=2)) == (0, 6)  # the shift comes after the turn


def smooth():
    """A wide spot, off the centre and far from the edges: blending hardly flattens it."""
    line = torch.arange(64, dtype=torch.float64)
    return torch.exp(-((line - 38) ** 2 + (line[:, None] - 25) ** 2) / 72)[None, None]


@few
@given(st.floats(-360, 360))
def test_turning_back_restores_a_smooth_image(degrees):
    image = smooth()
    assert (rotate(rotate(image, degrees), -degrees) - image).abs().max() < 0.02
    if 5 < abs(degrees) % 360 < 355:
        assert (rotate(image, degrees) - image).abs().max() > 0.04


@few
@given(st.floats(-4, 4), st.floats(-4, 4))
def test_shifting_back_restores_a_smooth_image(dx, dy):
    image = smooth()
    assert (shift(shift(image, dx, dy), -dx, -dy) - image).abs().max() < 0.02


@few
@given(SIZES, st.floats(-180, 180), st.floats(-3, 3))
def test_each_image_has_its_own_parameters(size, degrees, dx):
    images = noise(*size, batch=3)
    angles = torch.tensor([degrees, 0.0, -degrees], dtype=torch.float64)
    shifts = torch.tensor([dx, 1.0, 0.0], dtype=torch.float64)
    together = affine(images, degrees=angles, dx=shifts)
    for index in range(3):
        alone = affine(images[index : index + 1], degrees=angles[index], dx=shifts[index].item())
        torch.testing.assert_close(together[index : index + 1], alone, atol=1e-12, rtol=0)


@pytest.mark.parametrize("degrees", [17.0, 90.0 + 31, 180.0 - 8, 270.0 + 40])
def test_gradients_to_images_and_every_parameter(degrees):
    def tensor(*values):
        return torch.tensor(values, dtype=torch.float64, requires_grad=True)

    images = noise(4, 5, channels=1).requires_grad_()
    parameters = (
        tensor(degrees, -23.0), tensor(1.13, 0.87), tensor(0.31, -0.42), tensor(0.23, 0.37),
        tensor(0.11, -0.17), tensor(0.9, 1.2),
    )  # fmt: skip
    assert torch.autograd.gradcheck(affine, (images, *parameters))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_float32(dtype):
    images = noise(28, 28, dtype=dtype)
    result = rotate(images, 33.3)
    assert result.dtype == dtype
    assert torch.equal(result, rotate(images.float(), 33.3).to(dtype))


def test_empty_batches_and_strided_views():
    assert rotate(noise(5, 4)[:0], 30).shape == (0, 2, 5, 4)
    images = noise(6, 8)
    view = images.transpose(-1, -2)
    assert torch.equal(rotate(view, 30), rotate(view.contiguous(), 30))


@pytest.mark.parametrize(
    ("images", "parameters", "message"),
    [
        (noise(4, 4)[0], {}, r"images: expected floating \[B,C,H,W\]; got torch.float64 of shape"),
        (noise(4, 4).byte(), {}, r"images: expected floating .* got torch.uint8 .*float\(\) / 255"),
        (noise(4, 4), {"dx": torch.zeros(3)}, r"dx: expected a number or a tensor \[2\].*\(3,\)"),
        (noise(4, 4), {"dy": torch.zeros(2, 1)}, r"dy: expected a number .* got shape \(2, 1\)"),
        (noise(4, 4), {"degrees": math.nan}, "degrees: expected finite numbers; got nan; check"),
        (noise(4, 4), {"scale": 0.0}, "scale: expected any number but 0; got 0; use 1"),
        (noise(4, 4), {"stretch": 0.0}, "stretch: expected any number but 0; got 0; use 1"),
        (noise(4, 4), {"scale": torch.tensor([1.0, 0.0])}, "scale: expected any number but 0"),
    ],
)
def test_wrong_arguments_are_named(images, parameters, message):
    with pytest.raises(ValueError, match="affine, " + message):
        affine(images, **parameters)


@few
@given(SIZES, st.integers(1, 12), st.integers(1, 12), st.integers(-9, 9), st.integers(-9, 9))
def test_placing_moves_whole_pixels_of_any_dtype(size, tall, wide, dx, dy):
    images = (noise(*size) * 200 + 1).byte()
    placed = place(images, (tall, wide), torch.tensor([dx, dx]), torch.tensor([dy, dy]))
    assert placed.dtype == torch.uint8
    top, left = (tall - size[0]) // 2 + dy, (wide - size[1]) // 2 + dx
    for row in range(tall):
        for column in range(wide):
            y, x = row - top, column - left
            within = 0 <= y < size[0] and 0 <= x < size[1]
            wanted = images[:, :, y, x] if within else torch.zeros_like(images[:, :, 0, 0])
            assert torch.equal(placed[:, :, row, column], wanted)


@few
@given(SIZES, st.integers(0, 4), st.sampled_from([torch.uint8, torch.float32]))
def test_random_shift_moves_each_image_by_whole_pixels(size, reach, dtype):
    images = (noise(*size, batch=3) * 200 + 1).to(dtype)
    result = random_shift(images, reach, torch.Generator().manual_seed(7))
    assert result.dtype == dtype
    assert result.shape == images.shape
    moves = [(dx, dy) for dx in range(-reach, reach + 1) for dy in range(-reach, reach + 1)]
    for got, image in zip(result, images, strict=True):
        assert any(
            all(torch.equal(g, moved(i, *move)) for g, i in zip(got, image, strict=True))
            for move in moves
        )


def test_random_shift_is_seeded_and_uniform():
    point = torch.zeros(9000, 1, 5, 5)
    point[..., 2, 2] = 1
    result = random_shift(point, 1, torch.Generator().manual_seed(0))
    again = random_shift(point, 1, torch.Generator().manual_seed(0))
    assert torch.equal(result, again)
    counts = result.sum(dim=(0, 1))
    assert counts[1:4, 1:4].sum() == 9000
    assert (counts[1:4, 1:4] - 1000).abs().max() < 150  # 5 standard deviations
    assert torch.equal(random_shift(point[:3], 0), point[:3])


def test_random_shift_by_fractions_moves_the_centre_of_the_ink_anywhere_within_reach():
    point = torch.zeros(9000, 1, 7, 7, dtype=torch.float64)
    point[..., 3, 3] = 1
    result = random_shift(point, 1, torch.Generator().manual_seed(0), subpixel=True)
    places = torch.arange(7.0, dtype=torch.float64) - 3
    dx, dy = (result.sum((1, 2)) * places).sum(-1), (result.sum((1, 3)) * places).sum(-1)
    torch.testing.assert_close(result.sum((1, 2, 3)), torch.ones(9000, dtype=torch.float64))
    for moved in (dx, dy):  # uniform from -1.5 to 1.5
        assert moved.abs().max() <= 1.5
        counts = torch.histc(moved, 6, -1.5, 1.5)
        assert (counts - 1500).abs().max() < 180  # 5 standard deviations
    assert (dx * dy).mean().abs() < 0.04
    whole = random_shift(point, 1, torch.Generator().manual_seed(0))
    assert ((result - whole).abs().amax((1, 2, 3)) > 0).all()


def test_random_shift_names_a_wrong_argument():
    with pytest.raises(ValueError, match=r"random_shift, .*; got shape \(2, 4, 4\) and 1; add the"):
        random_shift(noise(4, 4)[0], 1)
    with pytest.raises(ValueError, match=r"random_shift, .* and -1; add the batch axis, or"):
        random_shift(noise(4, 4), -1)
