"""Detectors of models whose scores and reconstructions are known, and their thresholds."""

import pytest
import torch
from torch import nn

import torchcaps as tc
from torchcaps.analysis.eval_mode import answer, require
from torchcaps.analysis.metrics import auroc
from torchcaps.analysis.robustness.detectors import (
    detector_scores,
    reconstruction_error,
    threshold,
)
from torchcaps.models import Model, Output
from torchcaps.nn import ScoreCrossEntropy


class Draws(Model):
    """Scores are the first three pixels of each image; it draws `drawn` of the image."""

    name = "draws"

    def __init__(self, drawn=None, capsules=True):
        super().__init__((1, 2, 2), 3)
        self.weight = nn.Parameter(torch.zeros(1))
        self.score_kind = "lengths" if capsules else "logits"
        self.drawn, self.batches, self.modes = drawn, [], []

    def forward(self, images, labels=None):
        assert labels is None, "the winning class draws"
        self.batches.append(len(images))
        self.modes.append(self.training)
        scores = images.flatten(1)[:, :3]
        drawing = None if self.drawn is None else self.drawn(images)
        return Output(scores, reconstruction=drawing)

    def make_loss(self):
        return ScoreCrossEntropy()


def images(*pixels):
    return torch.tensor(pixels)[:, None].unflatten(2, (2, 2))


TWO = images([0.5, 0.75, 0.0, 0.0], [0.25, 0.0, 0.0, 0.5])


def test_the_distance_is_the_root_of_the_mean_square():
    drawn = TWO.clone()
    drawn[0, 0, 0] += 0.3  # two of four pixels
    drawn[1] -= 0.5
    error = reconstruction_error(drawn, TWO)
    torch.testing.assert_close(error, torch.tensor([0.3 / 2**0.5, 0.5]))
    colour = torch.zeros(1, 3, 5, 7)
    torch.testing.assert_close(reconstruction_error(colour + 0.25, colour), torch.tensor([0.25]))


def test_short_lengths_and_poor_reconstructions_are_suspicious():
    found = detector_scores(Draws(lambda x: x + 0.125), TWO)
    assert found.predicted.tolist() == [1, 0]
    assert list(found.scores) == ["reconstruction", "score"]
    assert found.scores["score"].tolist() == [0.25, 0.75]
    assert found.scores["reconstruction"].tolist() == [0.125, 0.125]


def test_logits_are_told_apart_also_where_probabilities_are_one_to_the_last_bit():
    sure = images([60.0, 30.0, 0.0, 0.0], [60.0, 20.0, 0.0, 0.0], [1.0, 1.0, 1.0, 0.0])
    found = detector_scores(Draws(capsules=False), sure)
    assert list(found.scores) == ["score"]
    one, other, third = found.scores["score"].tolist()
    assert 0 <= other < one < 1e-12
    assert third == pytest.approx(torch.tensor(3.0).double().log().item())


def test_batches_of_any_size_give_the_same_and_the_mode_is_kept():
    torch.manual_seed(0)
    some = torch.rand(7, 1, 2, 2)
    model = Draws(lambda x: 1 - x).train()
    together, apart = answer(model, some), answer(model, some, batch_size=3)
    assert model.batches == [7, 3, 3, 1]
    assert model.modes == [False] * 4
    assert model.training
    torch.testing.assert_close(together, apart)


def test_a_perfect_reconstruction_of_known_images_has_a_known_area():
    """It draws bright images perfectly and the others not at all."""
    model = Draws(lambda x: x * (x.mean((1, 2, 3), keepdim=True) > 0.5))
    clean = torch.full((6, 1, 2, 2), 0.75)
    clean[0] = 0.25  # drawn as badly as the others
    others = torch.full((4, 1, 2, 2), 0.25)
    scores = [detector_scores(model, shown).scores["reconstruction"] for shown in (others, clean)]
    assert scores[1].tolist() == [0.25, 0, 0, 0, 0, 0]
    assert auroc(*scores) == pytest.approx((5 + 0.5) / 6)
    assert auroc(detector_scores(model, clean).scores["reconstruction"][1:], scores[1][1:]) == 0.5


@pytest.mark.parametrize("rate", [0.0, 0.05, 0.1, 0.29, 0.5, 0.99])
def test_the_threshold_has_its_false_positive_rate_on_the_numbers_it_comes_from(rate):
    torch.manual_seed(0)
    clean = torch.randperm(100).double() / 7
    assert (clean > threshold(clean, rate)).double().mean().item() == pytest.approx(rate, abs=1e-12)


def test_a_rate_between_two_is_rounded_down_and_ties_are_not_flagged():
    numbers = torch.tensor([1.0, 2.0, 3.0, 4.0])
    assert threshold(numbers, 0.49) == 3
    assert threshold(torch.tensor([1.0, 2.0, 2.0, 2.0]), 0.25) == 2


@pytest.mark.parametrize("rate", [-0.1, 1.0, float("nan")])
def test_a_rate_that_is_no_share_is_refused(rate):
    with pytest.raises(ValueError, match="threshold, rate: expected a false positive rate"):
        threshold(torch.tensor([1.0]), rate)


def test_a_model_that_draws_nothing_is_refused_in_one_line():
    cnn = tc.create_model("cnn", (1, 8, 8), 3)
    with pytest.raises(ValueError, match="somewhere, model") as error:
        require("reconstructs", cnn, "somewhere")
    assert str(error.value) == (
        "somewhere, model: expected capsules and a decoder; got cnn, which has none; "
        "take a capsnet with decoder 'mlp' or 'conv'"
    )
    silent = tc.create_model("capsnet_small", (1, 8, 8), 3, decoder="none")
    with pytest.raises(ValueError, match="got capsnet_small, which has none"):
        require("reconstructs", silent, "somewhere")
    drawer = tc.create_model("capsnet_small", (1, 8, 8), 3)
    require("reconstructs", drawer, "somewhere")
