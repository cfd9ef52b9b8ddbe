from itertools import chain

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from torchcaps.training.batches import Batches


def indices(batches, epoch, start=0):
    return [part.tolist() for _, part in batches.epoch(epoch, start=start)]


def flat(parts):
    return list(chain.from_iterable(parts))


@settings(deadline=None)
@given(st.integers(1, 60), st.integers(1, 20), st.integers(0, 2**40), st.integers(0, 5))
def test_an_epoch_takes_each_image_once_at_most_in_whole_batches(images, size, seed, epoch):
    batches = Batches(images, size, seed)
    taken = indices(batches, epoch)
    assert len(taken) == len(batches) == images // min(size, images)
    everything = flat(taken)
    assert len(set(everything)) == len(everything) == len(batches) * min(size, images)
    assert set(everything) <= set(range(images))


def test_an_epoch_of_whole_batches_takes_every_image():
    assert sorted(flat(indices(Batches(12, 4, 0), 0))) == list(range(12))


@pytest.mark.parametrize("processes", [2, 3, 4])
def test_the_shares_of_all_processes_are_the_batch_of_one(processes):
    whole = indices(Batches(50, 12, 7), 3)
    shares = [indices(Batches(50, 12, 7, p, processes), 3) for p in range(processes)]
    for number, batch in enumerate(whole):
        parts = [share[number] for share in shares]
        assert {len(part) for part in parts} == {12 // processes}
        assert sorted(flat(parts)) == sorted(batch)


def test_epochs_and_seeds_have_orders_of_their_own():
    orders = [flat(indices(Batches(40, 8, s), e)) for s in (0, 1) for e in (0, 1, 2)]
    assert len({tuple(order) for order in orders}) == 6
    assert indices(Batches(40, 8, 0), 1) == indices(Batches(40, 8, 0), 1)


def test_the_global_seed_has_no_part_in_it():
    torch.manual_seed(1)
    once = indices(Batches(40, 8, 0), 0)
    torch.manual_seed(2)
    assert indices(Batches(40, 8, 0), 0) == once


@pytest.mark.parametrize("start", [0, 2, 5])
def test_an_epoch_can_be_taken_up_at_any_batch(start):
    batches = Batches(40, 8, 0)
    rest = list(batches.epoch(1, start=start))
    assert [number for number, _ in rest] == list(range(start, 5))
    assert [part.tolist() for _, part in rest] == indices(batches, 1)[start:]


def test_shifts_are_drawn_anew_for_every_epoch_batch_and_process():
    places = [(e, b, p) for e in (0, 1) for b in (1, 2) for p in (0, 1)]
    drawn = [
        torch.rand(4, generator=Batches(40, 8, 0, p, 2).generator(e, b)).tolist()
        for e, b, p in places
    ]
    assert len({tuple(numbers) for numbers in drawn}) == len(places)


def test_a_batch_that_cannot_be_shared_equally_is_refused():
    text = "batch_size: expected a multiple of the 3 processes; got 8; it counts the images of all"
    with pytest.raises(ValueError, match=text):
        Batches(40, 8, 0, 0, 3)


def balanced(labels, size, seed=0, process=0, processes=1):
    batches = Batches(len(labels), size, seed, process, processes)
    batches.labels = labels
    return batches


@settings(deadline=None)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=60), st.integers(0, 9))
def test_balanced_an_epoch_has_equally_many_of_each_class(labels, epoch):
    labels = torch.tensor(labels)
    counts = labels[flat(indices(balanced(labels, 1), epoch))].bincount()
    present = counts[labels.unique()]
    assert int(counts.sum()) == len(labels) == int(present.sum())
    assert int(present.max() - present.min()) <= 1


def test_balanced_every_image_of_a_class_is_drawn_alike():
    labels = torch.tensor([0] * 4 + [1] * 36)
    batches = balanced(labels, 8)
    drawn = torch.tensor(flat(flat(indices(batches, epoch)) for epoch in range(300)))
    counts = drawn.bincount().double() / 300  # of 20 draws of each class
    assert counts[:4].sub(5).abs().max() < 0.5
    assert counts[4:].sub(20 / 36).abs().max() < 0.2
    first = flat(indices(batches, 0))
    assert first != flat(indices(batches, 1))
    assert labels[first[:20]].unique().tolist() == [0, 1]  # mixed, not one class after the other


def test_balanced_which_of_the_classes_have_one_more_is_drawn():
    labels = torch.tensor([0, 0, 1])
    most = {
        int(labels[flat(indices(balanced(labels, 1), epoch))].bincount().argmax())
        for epoch in range(30)
    }
    assert most == {0, 1}


@pytest.mark.parametrize("processes", [2, 4])
def test_balanced_the_shares_are_the_batch_of_one_and_go_on_anywhere(processes):
    labels = torch.arange(50) // 45
    whole = indices(balanced(labels, 12, 7), 3)
    shares = [indices(balanced(labels, 12, 7, p, processes), 3, 1) for p in range(processes)]
    for number, batch in enumerate(whole[1:]):
        assert sorted(flat(share[number] for share in shares)) == sorted(batch)
