import numpy as np
import pytest
import torch

from torchcaps.data import load_dataset
from torchcaps.data.multimnist import SIZE, draw_pairs, lay, overlay

LABELS = torch.arange(50) % 3


def drawn(partners, shift=4, seed=5, streams=(1, 2)):
    return draw_pairs(LABELS, partners, shift=shift, seed=seed, streams=streams)


@pytest.fixture
def recorded(mnist_root):
    """MultiMNIST of the authors' program: both digits, their sum, both labels."""
    path = mnist_root / "parity" / "10_mnist_testdata.npz"
    if not path.is_file():
        pytest.skip(f"no {path}")
    return dict(np.load(path))


# The digits of the recorded pairs and their shifts (right, down), found by search over all MNIST.
# The files are named "4shifted"; the shifts go up to 6, the setting of the authors' README.
PUBLISHED = {
    ("train", "train+validation"): (
        (0, -1, 4),
        [(53469, -5, 5), (5647, 1, 4), (14460, 1, -1), (10762, 2, 6), (30407, 1, 5),
         (51106, -3, -3)],
    ),
    ("test", "test"): ((0, 5, 5), [(3621, 4, 3), (1299, -4, -1), (6903, -1, 6), (563, 2, -2)]),
}  # fmt: skip


@pytest.mark.parametrize("part", PUBLISHED)
def test_pairs_of_the_authors_are_made_to_the_bit(recorded, mnist_root, part):
    name, split = part
    base, tops = PUBLISHED[part]
    pairs = torch.tensor([[base, top] for top in tops])
    digits = load_dataset("mnist", split, mnist_root)
    laid = lay(digits.images, pairs)
    prefix = f"multi{name}_4shifted"
    for place in (0, 1):
        wanted = torch.from_numpy(recorded[f"{prefix}_image_raw_{place + 1}"])
        assert torch.equal(laid[:, place], wanted)
        found = digits.labels[pairs[:, place, 0]]
        assert found.tolist() == recorded[f"{prefix}_label_{place + 1}"].tolist()
    assert torch.equal(overlay(laid)[:, 0], torch.from_numpy(recorded[f"{prefix}_merged_raw"]))


def test_the_sum_is_cut_at_255():
    laid = torch.tensor([200, 100], dtype=torch.uint8).view(1, 2, 1, 1).expand(1, 2, SIZE, SIZE)
    assert (overlay(laid) == 255).all()
    assert (overlay(laid // 2) == 150).all()


@pytest.mark.parametrize("shift", [0, 4, 6])
def test_partners_are_of_any_other_class_and_shifts_are_uniform(shift):
    pairs = drawn(200, shift)
    assert pairs.shape == (10_000, 2, 3)
    base, top = LABELS[pairs[..., 0].long()].unbind(1)
    assert (base != top).all()
    for digit in (0, 17):  # each has all digits of other classes, about equally often
        met = pairs[pairs[:, 0, 0] == digit, 1, 0].unique()
        assert set(met.tolist()) <= set((LABELS[digit] != LABELS).nonzero().flatten().tolist())
        assert len(met) > 30
    for column in (1, 2):
        counts = (pairs[:, 1, column].long() + shift).bincount(minlength=2 * shift + 1)
        assert len(counts) == 2 * shift + 1
        expected = 10_000 / len(counts)
        assert (counts - expected).abs().max() < 6 * expected**0.5
    assert (pairs[:50, 0, 1:] == pairs[-50:, 0, 1:]).all()  # a base is where it is in all its pairs


def test_pair_k_is_a_function_of_seed_stream_and_k():
    pairs = drawn(3)
    assert torch.equal(pairs[:50], drawn(1))
    assert not torch.equal(pairs, drawn(3, seed=6))
    assert not torch.equal(pairs, drawn(3, streams=(3, 4)))


def test_it_is_read_by_any_indices_alike(small_mnist):
    dataset = load_dataset("multimnist", "test", small_mnist, partners=3)
    assert len(dataset) == 3 * len(load_dataset("mnist", "test", small_mnist))
    images, labels = dataset.batch(range(len(dataset)))
    assert images.shape[1:] == dataset.in_shape == (1, 36, 36)
    assert (labels.sum(1) == 2).all()
    assert dataset.task == "multilabel"
    chosen = torch.tensor([40, 3, 3, -1])
    assert torch.equal(dataset.batch(chosen)[0], images[chosen])
    part = dataset.subset(chosen)
    assert torch.equal(part.batch([1, 3])[0], images[[3, -1]])
    assert torch.equal(part.labels, labels[chosen])
    assert torch.equal(dataset[40][0], images[40])


@pytest.mark.parametrize(
    ("options", "message"),
    [({"shift": 9}, "shift: expected 0 to 8; got 9"), ({"partners": 0}, "1 to 1000; got 0")],
)
def test_what_it_cannot_make(small_mnist, options, message):
    with pytest.raises(ValueError, match=message):
        load_dataset("multimnist", "test", small_mnist, **options)


def test_digits_of_one_class_have_no_partners():
    with pytest.raises(ValueError, match="at least two classes; got one"):
        draw_pairs(torch.ones(4, dtype=torch.long), 1, shift=4, seed=0, streams=(1, 2))
