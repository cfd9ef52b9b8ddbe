"""Rates of detectors on predictions that are known."""

import math

import pytest
import torch
from torch import nn

import torchcaps as tc
from torchcaps.analysis.robustness.attacks import fgsm, pgd, reconstructive
from torchcaps.analysis.robustness.detection import (
    FGSM,
    PGD,
    RECONSTRUCTIVE,
    Detection,
    attacks_on,
    make_attacks,
    measure_detection,
)
from torchcaps.analysis.robustness.detectors import DetectorScores
from torchcaps.data import ImageDataset
from torchcaps.models import Model, Output
from torchcaps.nn import ScoreCrossEntropy

PGD_2 = (PGD, 0.2)


def scored(predicted, *errors):
    numbers = torch.tensor(errors or [0.0] * len(predicted), dtype=torch.float64)
    return DetectorScores(torch.tensor(predicted), {"reconstruction": numbers, "score": -numbers})


def detection(attacked=(1, 1, 0, 0), errors=(0.5, 9.0, 0.5, 9.0), right=(1, 1, 1, 0)):
    """Four images of class 0, the last misclassified before any attack."""
    return Detection(
        validation=scored([0] * 10, *range(10)),
        clean=scored([0, 0, 0, 1], 1.0, 2.0, 3.0, 8.5),
        correct=torch.tensor(right).bool(),
        attacked={PGD_2: scored(list(attacked), *errors)},
        out_of_distribution={"noise": scored([0, 0], 2.5, 9.0)},
    )


def test_rates_are_of_the_images_that_were_classified_correctly():
    found = detection()
    assert found.accuracy() == 0.75
    assert found.success_rate(PGD_2) == pytest.approx(2 / 3)
    assert found.threshold("reconstruction", 0.2) == 7
    assert found.undetected_rate(PGD_2, "reconstruction", 0.2) == pytest.approx(1 / 3)
    assert found.undetected_rate(PGD_2, "reconstruction", 0.0) == pytest.approx(2 / 3), (
        "9 is allowed"
    )
    assert found.false_positive_rate("reconstruction", 0.2) == 0.25


def test_what_one_detector_flags_another_may_not():
    found = detection(attacked=(1, 0, 0, 0), errors=(0.5, 0, 0, 0))
    assert found.detectors == ("reconstruction", "score")
    assert found.undetected_rate(PGD_2, "reconstruction", 0.2) == pytest.approx(1 / 3)
    assert found.undetected_rate(PGD_2, "score", 0.2) == 0, "-0.5 is above the threshold of -2"


def test_undetected_attacks_succeed_and_higher_thresholds_miss_more():
    torch.manual_seed(0)
    for _ in range(20):
        errors = (10 * torch.rand(4)).tolist()
        predicted = torch.randint(0, 2, (4,)).tolist()
        found = detection(predicted, errors)
        rates = [found.undetected_rate(PGD_2, "reconstruction", r / 10) for r in range(10)]
        assert max(rates) <= found.success_rate(PGD_2)
        assert rates == sorted(rates, reverse=True)


def test_areas_are_of_successful_attacks_and_of_other_images_against_all_clean_ones():
    found = detection()
    assert found.attack_auroc(PGD_2, "reconstruction") == (0 + 4) / 8
    assert found.attack_auroc(PGD_2, "score") == (4 + 0) / 8
    assert found.out_of_distribution_auroc("noise", "reconstruction") == (2 + 4) / 8


def test_an_attack_that_never_succeeds_has_no_area():
    found = detection(attacked=(0, 0, 0, 0))
    assert found.success_rate(PGD_2) == 0
    assert math.isnan(found.attack_auroc(PGD_2, "reconstruction"))


def test_an_image_misclassified_before_the_attack_is_no_success():
    assert detection(attacked=(0, 0, 0, 1)).success_rate(PGD_2) == 0
    assert detection(attacked=(0, 0, 0, 2)).success_rate(PGD_2) == 0


class Perfect(Model):
    """Classifies by the first pixel; reconstructs dark images perfectly, bright ones as black."""

    name = "perfect"
    score_kind = "lengths"

    def __init__(self, num_classes=2):
        super().__init__((1, 2, 2), num_classes)
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, images, labels=None):
        dark = images.mean((1, 2, 3), keepdim=True) < 0.5
        first = images[:, 0, 0, 0]
        scores = torch.stack([first, 1 - first], 1)
        return Output(scores, scores[..., None], reconstruction=images * dark)

    def make_loss(self):
        return ScoreCrossEntropy()


def test_a_perfect_reconstruction_of_known_images_detects_everything_else():
    images = torch.full((8, 1, 2, 2), 0.25)
    known = ImageDataset(images, torch.ones(8).long(), ("bright", "dark"))
    changed = images + 0.5
    found = measure_detection(
        Perfect(), known, images, known.labels, {PGD_2: changed}, {"white": changed + 0.25}
    )
    assert found.accuracy() == found.success_rate(PGD_2) == 1
    assert found.attack_auroc(PGD_2, "reconstruction") == 1
    assert found.out_of_distribution_auroc("white", "reconstruction") == 1
    assert found.threshold("reconstruction", 0.1) == 0
    assert found.undetected_rate(PGD_2, "reconstruction", 0.1) == 0
    assert found.false_positive_rate("reconstruction", 0.1) == 0
    assert found.undetected_rate(PGD_2, "score", 0.1) == 1, "as sure as before, of the other class"
    assert found.attack_auroc(PGD_2, "score") == 0.5


@pytest.mark.parametrize(
    ("name", "expected"),
    [("cnn", [FGSM, PGD]), ("capsnet_small", [FGSM, PGD, RECONSTRUCTIVE])],
)
def test_every_model_gets_the_attacks_it_can_have(name, expected):
    torch.manual_seed(0)
    images, labels = torch.rand(3, 1, 8, 8), torch.zeros(3, dtype=torch.long)
    model, called = tc.create_model(name, (1, 8, 8), 3), []
    assert list(attacks_on(model)) == expected
    made = make_attacks(
        model, images, labels, (0.1, 0.3), steps=2, starts=2, seed=5, each=lambda: called.append(1)
    )
    assert list(made) == [(attack, e) for e in (0.1, 0.3) for attack in expected]
    assert len(called) == len(made)
    assert torch.equal(made[FGSM, 0.3], fgsm(model, images, labels, 0.3))
    assert torch.equal(made[PGD, 0.1], pgd(model, images, labels, 0.1, steps=2, starts=2, seed=5))
    if RECONSTRUCTIVE in expected:
        again = reconstructive(model, images, labels, 0.1, steps=2, starts=2, seed=5)
        assert torch.equal(made[RECONSTRUCTIVE, 0.1], again)
