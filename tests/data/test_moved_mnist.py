import pytest
import torch

from torchcaps.data import load_dataset
from torchcaps.data.moved_mnist import CANVAS
from torchcaps.data.transforms import place, rotate


def moves_of(images, digits):
    """The whole-pixel shift (right, down) that makes each image of each digit."""
    found = []
    for image, digit in zip(images, digits, strict=True):
        tried = [(dx, dy) for dx in range(-8, 9) for dy in range(-8, 9)]
        dx, dy = torch.tensor(tried).unbind(1)
        all_of_them = place(digit.expand(len(tried), 1, 28, 28), (CANVAS, CANVAS), dx, dy)
        (hit,) = (all_of_them == image).flatten(1).all(1).nonzero()
        found.append(tried[int(hit)])
    return found


def test_for_training_digits_are_shifted_and_for_the_test_moved_affinely(small_mnist):
    train = load_dataset("affine_mnist", "train", small_mnist)
    digits = load_dataset("mnist", "train", small_mnist)
    found = torch.tensor(moves_of(train.images, digits.images))
    assert found.amin(0).tolist() == [-6, -6]
    assert found.amax(0).tolist() == [6, 6]
    assert torch.equal(train.labels, digits.labels)
    test = load_dataset("affine_mnist", "test", small_mnist)
    affine = load_dataset("affine_mnist", "test", small_mnist, moves="affine")
    assert torch.equal(test.images, affine.images)
    centred = load_dataset("affine_mnist", "test", small_mnist, moves="centre")
    digits = load_dataset("mnist", "test", small_mnist)
    assert set(moves_of(centred.images, digits.images)) == {(0, 0)}


def test_no_ink_is_lost_and_it_lies_anywhere(mnist_root):
    digits = load_dataset("mnist", "test", mnist_root)
    moved = load_dataset("affine_mnist", "test", mnist_root)
    assert (moved.in_shape, len(moved)) == ((1, 40, 40), 10_000)
    ratio = moved.images.float().sum((1, 2, 3)) / digits.images.float().sum((1, 2, 3))
    assert ratio.min() > 0.6  # of 0.64, the smallest area, up to interpolation
    assert ratio.max() < 1.5
    assert abs(ratio.mean() - 1) < 0.01  # the scales are independent, each 1 on average
    reached = (moved.images > 0).any(0)[0]
    assert all(edge.any() for edge in (reached[0], reached[-1], reached[:, 0], reached[:, -1]))
    heavy = moved.images.float().mean(0)[0]
    torch.testing.assert_close(heavy, heavy.flip(0, 1), atol=12, rtol=0)


def test_the_affine_parameters_reach_their_ends(small_mnist, monkeypatch):
    asked = {}

    def note(images, degrees, **others):
        asked.update(degrees=degrees, **others)
        return images

    monkeypatch.setattr("torchcaps.data.moved_mnist.affine", note)
    load_dataset("affine_mnist", "train", small_mnist, moves="affine")
    wide = asked["scale"] * asked["stretch"]
    for values, low, high in (
        (asked["degrees"], -20, 20), (asked["shear"], -0.2, 0.2),
        (asked["scale"], 0.8, 1.2), (wide, 0.8, 1.2),
    ):  # fmt: skip
        reach = high - low
        assert low <= values.min() < low + 0.05 * reach
        assert high - 0.05 * reach < values.max() <= high


def test_an_image_is_a_function_of_seed_and_number(small_mnist):
    for name in ("affine_mnist", "rotated_mnist"):
        one, other = (load_dataset(name, "test", small_mnist, seed=seed) for seed in (0, 1))
        assert not torch.equal(one.images, other.images)
        assert torch.equal(one.labels, other.labels)


def test_rotated_mnist_has_the_sizes_of_the_public_set(mnist_root):
    sizes = {"train": 10_000, "validation": 2_000, "train+validation": 12_000, "test": 50_000}
    loaded = {split: load_dataset("rotated_mnist", split, mnist_root) for split in sizes}
    assert {split: len(dataset) for split, dataset in loaded.items()} == sizes
    assert loaded["test"].labels.bincount().min() > 4_000


def test_digits_are_rotated_over_the_whole_circle(small_mnist, monkeypatch):
    asked = []

    def note(images, degrees):
        asked.append(degrees)
        return rotate(images, degrees)

    monkeypatch.setattr("torchcaps.data.moved_mnist.rotate", note)
    turned = load_dataset("rotated_mnist", "test", small_mnist)
    degrees = torch.cat(asked)
    assert (degrees / 90).long().bincount(minlength=4).min() > 0.15 * len(degrees)
    assert len(degrees) == len(turned) == 350


def test_unknown_moves(small_mnist):
    with pytest.raises(ValueError, match="moves: expected one of protocol, centre, shift, affine"):
        load_dataset("affine_mnist", "test", small_mnist, moves="rotate")
