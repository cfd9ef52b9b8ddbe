"""Strange images are what they are called, in the shape of the data set."""

import pytest
import torch

from torchcaps.analysis.robustness.out_of_distribution import out_of_distribution
from torchcaps.data import ImageDataset, load_dataset
from torchcaps.data.faces import draw


@pytest.fixture(scope="module")
def digits():
    return load_dataset("digits", "test")


def colours(height=18, width=12, name="pictures"):
    torch.manual_seed(0)
    images = torch.rand(5, 3, height, width)
    return ImageDataset(images, torch.zeros(5).long(), ("thing",), name=name)


@pytest.mark.parametrize("dataset", ["digits", "colours"])
def test_every_kind_has_the_shape_of_the_data_and_pixels_between_black_and_white(dataset, request):
    known = request.getfixturevalue("digits") if dataset == "digits" else colours()
    found = out_of_distribution(known, 7)
    assert list(found) == ["faces", "mirror images", "shuffled pixels", "noise"]
    for images in found.values():
        assert images.shape == (7, *known.in_shape)
        assert images.min() >= 0
        assert images.max() <= 1
        ImageDataset(images, torch.zeros(7).long(), ("other",))


def test_mirrors_and_shuffles_are_of_the_first_images_which_come_again(digits):
    found = out_of_distribution(digits, 4)
    images = digits.batch(range(4))[0]
    assert torch.equal(found["mirror images"].flip(-1), images)
    assert not torch.equal(found["mirror images"], images)
    again = out_of_distribution(colours(), 7)["mirror images"]
    assert torch.equal(again[5:], again[:2])


def test_a_shuffle_keeps_the_ink_of_every_image_and_the_colour_of_every_pixel():
    known = colours()
    shuffled = out_of_distribution(known, 5)["shuffled pixels"]
    pixels, others = (x.flatten(2).transpose(1, 2) for x in (known.images, shuffled))
    for before, after in zip(pixels, others, strict=True):
        assert sorted(map(tuple, before.tolist())) == sorted(map(tuple, after.tolist()))
    moved = [(b != a).any(-1) for b, a in zip(pixels, others, strict=True)]
    assert all(m.double().mean() > 0.9 for m in moved)
    twins = ImageDataset(known.images[:1].repeat(2, 1, 1, 1), torch.zeros(2).long(), ("thing",))
    one, other = out_of_distribution(twins, 2)["shuffled pixels"]
    assert not torch.equal(one, other), "each image has an order of its own"


def test_faces_are_averages_of_larger_ones_as_bright_as_can_be(digits):
    faces = out_of_distribution(digits, 3)["faces"]
    large = draw(3, ("face",), seed=1811, size=32).images
    blocks = large.unflatten(3, (8, 4)).unflatten(2, (8, 4)).mean((3, 5))
    torch.testing.assert_close(faces, blocks / blocks.amax((2, 3), keepdim=True))
    assert faces.amax((1, 2, 3)).tolist() == [1, 1, 1]


def test_for_a_network_trained_on_faces_digits_are_out_of_distribution():
    found = out_of_distribution(colours(name="faces"), 2)
    assert next(iter(found)) == "digits"
    assert found["digits"].shape == (2, 3, 18, 12)


def test_the_seed_draws_noise_and_orders(digits):
    one, again, other = (out_of_distribution(digits, 2, seed=seed) for seed in (0, 0, 1))
    for kind in ("shuffled pixels", "noise"):
        assert torch.equal(one[kind], again[kind])
        assert not torch.equal(one[kind], other[kind])
    assert torch.equal(one["faces"], other["faces"])
    assert out_of_distribution(digits, 360)["noise"].mean().item() == pytest.approx(0.5, abs=0.01)
