"""The gain that makes scores probabilities."""

import pytest
import torch

from torchcaps.ops.calibration import best_thresholds, calibration_gain, calibration_line


def drawn(gain, count=40_000, classes=5, seed=0):
    """Lengths, and labels drawn with probabilities softmax(gain * lengths)."""
    generator = torch.Generator().manual_seed(seed)
    scores = torch.rand(count, classes, generator=generator, dtype=torch.float64)
    labels = torch.multinomial((gain * scores).softmax(-1), 1, generator=generator)[:, 0]
    return scores, labels


@pytest.mark.parametrize("gain", [0.5, 4.0, 20.0])
def test_the_gain_that_labels_were_drawn_with_is_found(gain):
    assert calibration_gain(*drawn(gain)) == pytest.approx(gain, rel=0.05)


def test_it_is_where_the_loss_is_least():
    scores, labels = drawn(6.0, count=300)
    epsilon = 1 / 302

    def loss(gain):
        logs = (gain * scores).log_softmax(-1)
        own = logs.gather(1, labels[:, None])[:, 0]
        others = (logs.sum(-1) - own) / 4
        return float(-((1 - epsilon) * own + epsilon * others).mean())

    gain = calibration_gain(scores, labels)
    assert loss(gain) < min(loss(gain * 1.01), loss(gain / 1.01))


def test_scores_that_are_always_right_get_a_finite_gain_that_grows_with_their_number():
    few, many = (
        calibration_gain(torch.eye(3).repeat(n, 1), torch.arange(3).repeat(n)) for n in (3, 300)
    )
    assert 1 < few < many < 1000


def test_scores_that_tell_nothing_get_the_least_gain():
    scores, _ = drawn(1.0, count=2000)
    labels = torch.randint(5, (2000,), generator=torch.Generator().manual_seed(1))
    assert calibration_gain(scores, labels) < 0.3


def test_float32_and_integer_labels_give_the_same():
    scores, labels = drawn(4.0, count=500)
    found = calibration_gain(scores.float(), labels.to(torch.int16))
    assert found == pytest.approx(calibration_gain(scores, labels), rel=1e-4)


@pytest.mark.parametrize("shape", [(0, 3), (4, 1)])
def test_nothing_to_fit_is_refused(shape):
    with pytest.raises(ValueError, match=r"calibration_gain, scores: expected at least one image"):
        calibration_gain(torch.zeros(shape), torch.zeros(shape[0], dtype=torch.long))


@pytest.mark.parametrize(("gain", "offset"), [(8.0, 4.0), (1.0, -2.0)])
def test_the_line_that_targets_were_drawn_with_is_found(gain, offset):
    generator = torch.Generator().manual_seed(1)
    scores = torch.rand(20_000, 3, generator=generator, dtype=torch.float64)
    targets = torch.bernoulli((gain * scores - offset).sigmoid(), generator=generator).long()
    assert calibration_line(scores, targets) == pytest.approx((gain, offset), rel=0.1)


def test_the_line_is_where_the_loss_is_least():
    generator = torch.Generator().manual_seed(2)
    scores = torch.randn(50, 4, generator=generator, dtype=torch.float64) * 30 + 500
    targets = (scores + 20 * torch.randn(50, 4, generator=generator) > 510).long()
    present, absent = int(targets.sum()), int((1 - targets).sum())
    wanted = torch.where(targets > 0, (present + 1) / (present + 2), 1 / (absent + 2)).double()

    def loss(gain, offset):
        logits = gain * scores - offset
        return float(torch.nn.functional.binary_cross_entropy_with_logits(logits, wanted))

    gain, offset = calibration_line(scores, targets)
    least = loss(gain, offset)
    for other in ((gain * 1.01, offset), (gain / 1.01, offset), (gain, offset + 0.01)):
        assert loss(*other) > least


@pytest.mark.parametrize("value", [0, 1])
def test_a_line_through_targets_of_one_kind_is_finite_and_keeps_the_order(value):
    gain, offset = calibration_line(torch.rand(9, 2), torch.full((9, 2), value))
    assert gain > 0
    assert torch.tensor(offset).isfinite()


def test_scores_that_say_the_contrary_keep_their_order():
    scores = torch.linspace(0, 1, 20)[:, None]
    assert calibration_line(scores, (scores < 0.5).long())[0] == 0.01


def test_thresholds_give_the_highest_f1():
    generator = torch.Generator().manual_seed(3)
    p = torch.rand(40, 5, generator=generator).mul(20).round().div(20)  # with equals
    targets = (torch.rand(40, 5, generator=generator) < p).long()

    def f1(j, level):
        found = p[:, j] >= level
        right = int((found & targets[:, j].bool()).sum())
        return 2 * right / (int(found.sum()) + int(targets[:, j].sum()))

    for j, level in enumerate(best_thresholds(p, targets)):
        best = max(f1(j, each) for each in p[:, j].unique().tolist())
        assert f1(j, level) == pytest.approx(best)


def test_a_class_that_no_image_has_is_called_present_from_one_half_on():
    assert best_thresholds(torch.rand(4, 2), torch.tensor([[0, 1]] * 4))[0] == 0.5
