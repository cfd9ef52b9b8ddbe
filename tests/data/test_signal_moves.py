"""Shifts and flips of signals and volumes, against loops that do them one by one."""

import pytest
import torch

from torchcaps.data import Augmentation
from torchcaps.data.signal_moves import flip_signals, shift_signals

LENGTHS = (9, 5, 1, 8)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def signals(count=80):
    """[count, 2, 9] of different numbers, some of them shorter."""
    found = torch.arange(count * 18.0).view(count, 2, 9)
    for k, one in enumerate(found):
        one[:, LENGTHS[k % 4] :] = torch.nan
    return found


def shifted(values, step):
    """A list, moved to the right; the outermost value comes in."""
    return [values[min(max(k - step, 0), len(values) - 1)] for k in range(len(values))]


def test_signals_are_shifted_within_their_lengths_and_repeat_the_outermost_value():
    before = signals()
    found, steps = shift_signals(before, 3, seeded()), set()
    assert torch.equal(found.isnan(), before.isnan())
    for k, (one, old) in enumerate(zip(found, before, strict=True)):
        length = LENGTHS[k % 4]
        ways = [
            step
            for step in range(-3, 4)
            if one[:, :length].tolist() == [shifted(c, step) for c in old[:, :length].tolist()]
        ]
        assert ways
        steps |= set(ways) if length > 3 else set()
    assert steps == set(range(-3, 4))


def test_volumes_are_shifted_along_every_axis_by_steps_of_their_own():
    grid = torch.meshgrid(*map(torch.arange, (7, 6, 5)), indexing="ij")
    before = torch.stack(grid).float().expand(200, 3, 7, 6, 5)
    found = shift_signals(before, 2, seeded())
    middle = found[:, :, 3, 3, 2] - before[:, :, 3, 3, 2]
    assert all(set(axis.tolist()) == {-2, -1, 0, 1, 2} for axis in middle.T)
    assert len({tuple(one) for one in middle.tolist()}) > 60  # of 125
    for axis in range(3):
        flat = found[:, axis].movedim(axis + 1, 1).flatten(2)
        assert (flat == flat[:, :, :1]).all()
        size = before.shape[axis + 2]
        assert flat[0, :, 0].tolist() == shifted(list(range(size)), -int(middle[0, axis]))


def test_a_flipped_signal_ends_where_it_ended():
    before = signals(400)
    found, flipped = flip_signals(before, "horizontal", seeded()), 0
    for k, (one, old) in enumerate(zip(found, before, strict=True)):
        length = LENGTHS[k % 4]
        assert one[:, length:].isnan().all()
        one, old = one[:, :length], old[:, :length]
        turned = torch.equal(one, old.flip(1))
        assert turned or torch.equal(one, old)
        flipped += turned and length > 1
    assert 105 < flipped < 195  # of 300, 5 standard deviations


@pytest.mark.parametrize(
    ("flip", "ways"),
    [
        ("horizontal", [(), (-1,)]),
        ("vertical", [(), (-2,)]),
        ("both", [(), (-1,), (-2,), (-1, -2)]),
    ],
)
def test_volumes_are_flipped_left_and_right_top_and_bottom(flip, ways):
    one = torch.rand(1, 2, 3, 4, 5, generator=seeded(1))
    found = flip_signals(one.expand(400, -1, -1, -1, -1), flip, seeded())
    counts = [(found == one.flip(way)).flatten(1).all(1).sum().item() for way in ways]
    assert sum(counts) == 400
    assert min(counts) > 400 / len(ways) - 50


@pytest.mark.parametrize("before", [signals(), torch.rand(8, 1, 5, 6, 7)], ids=["1-D", "3-D"])
def test_the_changes_of_a_recipe_are_a_function_of_the_generator(before):
    augment = Augmentation(shift=2, flip="horizontal", noise=0.5)
    kept = before.clone()
    found = augment(before, seeded(1))
    assert torch.equal(found.isnan(), before.isnan())
    torch.testing.assert_close(found, augment(before, seeded(1)), rtol=0, atol=0, equal_nan=True)
    torch.testing.assert_close(before, kept, rtol=0, atol=0, equal_nan=True)
    assert not torch.allclose(found, augment(before, seeded(2)), equal_nan=True)
    assert found.dtype == before.dtype
    assert augment(before[:0], seeded(1)).shape == before[:0].shape
