"""Readers whose success is known: of the quantity itself, of mixes, of noise, of nothing."""

import pytest
import torch

import torchcaps as tc
from torchcaps.analysis.pose.pose_targets import PoseTargets
from torchcaps.analysis.representation.probes import (
    measure_pixels,
    measure_probes,
    probe,
    selectivity,
)
from torchcaps.analysis.representation.representations import layers
from torchcaps.analysis.representation.ridge import Splits

N = (300, 150, 300)
AB = ("a", "b")


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def posed():
    """Three quantities, the last constant, of images of two classes in turn."""
    found = []
    for seed, count in enumerate(N):
        quantities = {
            "turn": 45 * noise(count, seed=seed),
            "size": noise(count, seed=seed + 10) + 3,
            "fixed": torch.full((count,), 7.0),
        }
        images = noise(count, 1, 4, 4, seed=seed + 20)
        found.append(PoseTargets(images, torch.arange(count) % 2, quantities, AB))
    return Splits(*found)


def features(posed, make):
    """`make(quantities [N, 2], labels, seed)` of every part."""
    return Splits(
        *(
            make(torch.stack([part.quantities["turn"], part.quantities["size"]], 1), part.labels, k)
            for k, part in enumerate(posed)
        )
    )


def test_a_probe_on_the_quantities_themselves_reads_all(posed):
    found = probe(features(posed, lambda q, labels, k: q), posed, width=2)
    for read in (found.whole, found.equal):
        assert read["turn"] == pytest.approx(1, abs=1e-8)
        assert read["size"] == pytest.approx(1, abs=1e-8)
    assert found.numbers == 2


@pytest.mark.parametrize("numbers", [2, 40, 500])
def test_a_linear_mix_is_read_with_more_features_than_images_too(posed, numbers):
    mix = noise(2, numbers, seed=5).double()
    x = features(posed, lambda q, labels, k: q.double() @ mix)
    found = probe(x, posed, width=2)
    assert [found.whole["turn"], found.whole["size"]] == pytest.approx([1, 1], abs=1e-8)
    assert [found.equal["turn"], found.equal["size"]] == pytest.approx([1, 1], abs=1e-8)


def test_every_class_has_a_reader_of_its_own(posed):
    """Each class mixes in its own way: one reader for both would be lost."""
    mixes = noise(2, 2, 2, seed=5).double()
    x = features(posed, lambda q, labels, k: torch.einsum("nq,nqf->nf", q.double(), mixes[labels]))
    found = probe(x, posed, width=2)
    assert [found.whole["turn"], found.whole["size"]] == pytest.approx([1, 1], abs=1e-8)


def test_in_other_hands_the_numbers_say_nothing(posed):
    found = probe(features(posed, lambda q, labels, k: q), posed, width=2)
    assert all(abs(found.shuffled[name]) <= 0.05 for name in ("turn", "size"))


@pytest.mark.parametrize("numbers", [3, 149, 600])
def test_noise_says_nothing_however_many_numbers(posed, numbers):
    x = features(posed, lambda q, labels, k: noise(len(q), numbers, seed=50 + k))
    found = probe(x, posed, width=16)
    for read in (found.whole, found.equal, found.shuffled):
        assert max(read["turn"], read["size"]) <= 0.05
    assert max(found.selectivity.values()) < 0.1


def test_a_quantity_is_read_the_same_whatever_else_is_read(posed):
    """The penalty is chosen for each by itself: noise in one shrinks no other reader."""

    def only(part):
        return part._replace(quantities={"size": part.quantities["size"]})

    x = features(posed, lambda q, labels, k: q[:, 1:] + 9 * noise(len(q), 140, seed=60 + k))
    alone = probe(x, Splits(*map(only, posed)), width=2)
    assert 0.1 < alone.whole["size"] < 0.9
    assert alone.whole["size"] == probe(x, posed, width=2).whole["size"]


def test_the_mean_to_be_beaten_is_that_of_the_test_part(posed):
    size = posed.test.quantities["size"] + 100
    later = posed.test._replace(quantities={**posed.test.quantities, "size": size})
    x = features(posed, lambda q, labels, k: noise(len(q), 3, seed=50 + k))
    assert probe(x, Splits(posed.train, posed.validation, later), width=3).whole["size"] < -5000


def test_where_nothing_varies_nothing_is_explained(posed):
    found = probe(features(posed, lambda q, labels, k: q), posed, width=2)
    for read in (found.whole, found.equal, found.shuffled, found.selectivity):
        assert read["fixed"] == 0
    constant = features(posed, lambda q, labels, k: torch.ones(len(q), 3))
    assert max(probe(constant, posed, width=2).whole.values()) <= 0


def test_the_same_width_keeps_what_varies_most(posed):
    """A quantity in a direction that hardly varies is there for the whole, lost to few numbers."""

    def hidden(q, labels, k):
        return torch.cat([q[:, :1], 9 * noise(len(q), 4, seed=90 + k), 0.01 * q[:, 1:]], 1).double()

    found = probe(features(posed, hidden), posed, width=5)
    assert found.whole["size"] == pytest.approx(1, abs=1e-6)
    assert found.equal["size"] < 0.05 < 0.99 < found.equal["turn"]


def test_selectivity_of_axes_mixes_copies_and_single_numbers():
    q = Splits(*(noise(count, 2, seed=count) for count in (3000, 10, 3001)))

    def of(make):
        return selectivity(Splits(*(make(part) + 5 for part in q)), q)

    assert of(lambda q: q) == pytest.approx([1, 1], abs=0.01)
    assert of(lambda q: q.flip(1)) == pytest.approx([1, 1], abs=0.01)
    half = torch.tensor([[1.0, 1.0], [1.0, -1.0]])
    assert of(lambda q: q @ half) == pytest.approx([0, 0], abs=0.05)
    assert of(lambda q: q[:, [0, 1, 0]]) == pytest.approx([0, 1], abs=0.01)
    assert of(lambda q: q[:, :1]) == pytest.approx([1, 0], abs=0.01)
    # A number that is q0 with noise of the same size has R² 1/2: the gap is the other half.
    noisy = of(lambda q: torch.stack([q[:, 0], q[:, 0] + noise(len(q), seed=4)], 1))
    assert noisy[0] == pytest.approx(0.5, abs=0.04)


def test_a_class_without_images_to_fit_on_is_refused(posed):
    one = posed.train.labels == 0
    fitted = PoseTargets(
        posed.train.images[one],
        posed.train.labels[one],
        {name: values[one] for name, values in posed.train.quantities.items()},
        AB,
    )
    lacking = Splits(fitted, posed.validation, posed.test)
    with pytest.raises(ValueError, match="got none of class 1 to fit on or to choose by; take mor"):
        measure_pixels(lacking, width=4)


@pytest.mark.parametrize("name", ["capsnet_small", "cnn"])
def test_a_model_is_probed_where_its_scores_are_read(name):
    torch.manual_seed(0)
    model = tc.create_model(name, (1, 8, 8), 2)
    model.classes = AB
    found = []
    for seed, count in enumerate((160, 60, 40)):
        images = torch.rand(count, 1, 8, 8, generator=torch.Generator().manual_seed(seed))
        ink = {"ink": images.mean((1, 2, 3))}
        found.append(PoseTargets(images, torch.arange(count) % 2, ink, AB))
    known = Splits(*found)
    with torch.no_grad():
        last = [list(layers(model, part.images, part.labels).values())[-1] for part in known]
    assert measure_probes(model, known, width=16) == probe(Splits(*last), known, width=16)
    assert measure_probes(model, known, width=16).numbers == {"capsnet_small": 16, "cnn": 128}[name]
    assert measure_pixels(known, width=64).whole["ink"] == pytest.approx(1, abs=1e-6)
    # The same classes, numbered in another order.
    other = Splits(*(part._replace(labels=1 - part.labels, classes=AB[::-1]) for part in known))
    assert measure_probes(model, other, width=16).whole == pytest.approx(
        measure_probes(model, known, width=16).whole
    )
    strange = Splits(*(part._replace(classes=("a", "c")) for part in known))
    with pytest.raises(ValueError, match="measure_probes: expected the classes that the model was"):
        measure_probes(model, strange, width=16)
