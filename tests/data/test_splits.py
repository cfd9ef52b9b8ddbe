import torch
from hypothesis import given
from hypothesis import strategies as st

from torchcaps.data.splits import hold_out, permutation, stratified


def test_the_shuffle_is_pinned():
    assert permutation(10, seed=0).tolist() == [2, 8, 4, 9, 1, 6, 7, 3, 0, 5]


@given(st.integers(2, 60), st.data())
def test_hold_out_covers_all_and_repeats_none(count, data):
    held = data.draw(st.integers(1, count - 1))
    parts = hold_out(count, held, seed=5)
    assert len(parts["validation"]) == held
    both = parts["train"].tolist() + parts["validation"].tolist()
    assert sorted(both) == parts["train+validation"].tolist() == list(range(count))


@given(st.lists(st.sampled_from([0, 1, 4]), min_size=1, max_size=80), st.integers(0, 9))
def test_stratified_cuts_each_class_as_told(classes, seed):
    labels = torch.tensor(classes)
    parts = stratified(labels, lambda n: (n // 4, n // 3), seed)
    for label in labels.unique():
        n = int((labels == label).sum())
        counts = [int((labels[parts[name]] == label).sum()) for name in ("validation", "test")]
        assert counts == [n // 4, n // 3]
    pieces = [parts[name].tolist() for name in ("train", "validation", "test")]
    train, validation, test = pieces
    assert sorted(train + validation + test) == list(range(len(labels)))
    assert parts["train+validation"].tolist() == sorted(train + validation)


def test_another_seed_cuts_otherwise():
    labels = torch.zeros(40, dtype=torch.int64)
    first, second = (stratified(labels, lambda n: (10, 10), seed)["test"] for seed in (0, 1))
    assert not torch.equal(first, second)
