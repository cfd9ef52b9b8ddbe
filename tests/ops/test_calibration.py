"""The gain that makes scores probabilities."""

import pytest
import torch

from torchcaps.ops.calibration import calibration_gain


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
