"""Couplings whose entropy, polarisation and dynamism are known in closed form."""

from math import log

import pytest
import torch

from torchcaps.analysis.routing.couplings import CouplingStatistics, CouplingSums


def one_hot(parents, of):
    """Couplings [1, B, 1, J] that send the child of image n to parent `parents[n]`."""
    return torch.eye(of)[torch.tensor(parents)][None, :, None]


def statistics(*batches):
    sums = CouplingSums()
    for batch in batches:
        sums.add(batch)
    return sums.statistics()


def only(*batches):
    (one,) = statistics(*batches)
    return one


def close(entropy, polarisation, dynamism):
    wanted = CouplingStatistics(entropy, polarisation, dynamism)
    return pytest.approx(list(vars(wanted).values()), abs=1e-6)


def softmax(*shape, seed=0, scale=1.0):
    logits = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    return (scale * logits).softmax(-1)


CASES = {
    "uniform": (torch.zeros(1, 7, 5, 3).softmax(-1), 1, 0, 0),
    "always the same parent": (one_hot([2] * 6, of=4), 0, 1, 0),
    "every parent in turn": (one_hot([0, 1, 2, 3, 0, 1, 2, 3], of=4), 0, 1, 1),
    # Var c = p (1 - p) for each of two parents, of 1/4 at most.
    "one image in four elsewhere": (one_hot([0, 0, 0, 1], of=2), 0, 1, 0.75),
    # Var c = 1/4 for two of four parents, <c^2> - 1/16 = 1/2 - 1/16, 1/2 - 1/16, -1/16, -1/16.
    "two parents of four in turn": (one_hot([0, 1], of=4), 0, 1, 2 / 3),
    "halves": (torch.tensor([0.5, 0.5, 0, 0]).expand(1, 3, 2, 4), 0.5, 1 / 3, 0),
    "three quarters": (
        torch.tensor([0.75, 0.25]).expand(1, 3, 2, 2),
        -(0.75 * log(0.75) + 0.25 * log(0.25)) / log(2),
        0.5,
        0,
    ),
}


@pytest.mark.parametrize(
    ("couplings", "entropy", "polarisation", "dynamism"), CASES.values(), ids=CASES
)
def test_known_cases(couplings, entropy, polarisation, dynamism):
    assert list(vars(only(couplings)).values()) == close(entropy, polarisation, dynamism)


def test_children_are_averaged():
    fixed, turning = one_hot([0, 0], of=2), one_hot([0, 1], of=2)
    uniform = torch.full((1, 2, 1, 2), 0.5)
    every = torch.cat([fixed, turning, uniform, uniform], 2)
    assert list(vars(only(every)).values()) == close(0.5, 0.5, 0.5)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 30.0])
def test_couplings_that_do_not_depend_on_the_image_have_no_dynamism(scale):
    same = softmax(1, 1, 6, 5, scale=scale).expand(-1, 500, -1, -1)
    assert only(same).dynamism == pytest.approx(0, abs=1e-5)


def test_uniform_but_for_rounding_is_uniform():
    noise = 1e-8 * torch.randn(1, 50, 6, 10, generator=torch.Generator().manual_seed(0))
    assert only(0.1 + noise).dynamism == 0


def test_the_control_is_the_variance_of_shuffled_parents():
    couplings = softmax(1, 400, 3, 4) * 0.5 + softmax(1, 1, 3, 4, seed=1, scale=3) * 0.5
    order = torch.rand(200, *couplings.shape[1:]).argsort(-1)  # 200 shuffles of every image
    shuffled = couplings.expand(200, -1, -1, -1).gather(-1, order)
    control = shuffled.flatten(0, 1).var(0, correction=0).mean()
    ratio = couplings[0].var(0, correction=0).mean() / control
    assert 0.05 < ratio < 0.5, "a vacuous case"
    assert only(couplings).dynamism == pytest.approx(ratio.item(), rel=2e-3)


def test_batches_of_any_size_give_the_same():
    couplings = softmax(3, 11, 5, 4)
    whole = statistics(couplings)
    parts = statistics(couplings[:, :1], couplings[:, 1:8], couplings[:, 8:])
    for one, other in zip(whole, parts, strict=True):
        assert list(vars(one).values()) == close(*vars(other).values())


def test_iterations_are_kept_apart():
    uniform, fixed = torch.full((1, 4, 1, 2), 0.5), one_hot([1] * 4, of=2)
    first, second = statistics(torch.cat([uniform, fixed]))
    assert list(vars(first).values()) == close(1, 0, 0)
    assert list(vars(second).values()) == close(0, 1, 0)


def test_the_mean_is_over_the_images_and_nothing_else():
    couplings = softmax(2, 9, 4, 3)
    sums = CouplingSums()
    sums.add(couplings[:, :2])
    sums.add(couplings[:, 2:])
    torch.testing.assert_close(sums.mean(), couplings.double().mean(1), rtol=0, atol=1e-7)


@pytest.mark.usefixtures("unchecked")
def test_one_parent_leaves_nothing_to_choose():
    with pytest.raises(ValueError, match="expected at least 2 parents to choose among; got 1"):
        CouplingSums().add(torch.ones(1, 2, 3, 1))
