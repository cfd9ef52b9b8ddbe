"""Accuracy and scores against transforms, for models whose answers are known beforehand."""

from math import exp, sqrt

import pytest
import torch

from torchcaps.analysis.robustness.transform_robustness import (
    TRANSFORMS,
    TransformCurve,
    measure_transform,
)
from torchcaps.data import ImageDataset
from torchcaps.models import Output
from torchcaps.training import evaluate
from torchcaps.training.evaluation import Evaluation

ANGLES = (-45, -30, -15, 0, 15, 30, 45)
# Far enough for the dot to leave its side, there and back.
FAR = {"rotation": (-90, 0, 90), "scale": (0.25, 1, 1.1), "shift": (-6, 0, 1), "shear": (-2, 0, 1)}


def curve_of(*seeds, scores=None):
    """A curve with these accuracies, one list a seed."""
    scores = scores or [[0.0] * len(seed) for seed in seeds]
    pairs = [zip(*both, strict=True) for both in zip(seeds, scores, strict=True)]
    tests = [[Evaluation(right, score, None, 10, right) for right, score in seed] for seed in pairs]
    return TransformCurve("rotation", tuple(range(len(seeds[0]))), tests)


@pytest.fixture
def dot():
    """One dot, with a label."""

    def make(row, column, label):
        images = torch.zeros(1, 1, 9, 9)
        images[..., row, column] = 1
        return ImageDataset(images, torch.tensor([label]), ("right", "top", "left", "bottom"))

    return make


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_an_invariant_model_has_a_flat_curve(rule, dots, transform):
    model = rule("says", answer=0)
    curve = measure_transform([model], dots, transform, FAR[transform])
    assert curve.mean() == pytest.approx([400 / 6] * 3)
    assert (curve.transform, curve.amounts) == (transform, FAR[transform])


def test_a_model_that_counts_ink_does_not_mind_turns(rule, blots):
    assert measure_transform([rule("ink")], blots, "rotation", ANGLES).mean() == [100] * 7


def test_a_model_that_looks_at_sides_falls_with_the_turn(rule, dots):
    curve = measure_transform([rule("side")], dots, "rotation", (-90, 0, 15, 90, 180, 360))
    assert curve.mean() == [0, 100, 100, 0, 0, 100]


@pytest.mark.parametrize(
    ("transform", "amount", "start", "end"),
    [
        ("rotation", 90, (4, 7, 0), (1, 4, 1)),  # counter-clockwise: from the right to the top
        ("rotation", -90, (4, 7, 0), (7, 4, 3)),
        ("shift", 3, (4, 4, 0), (4, 7, 0)),  # to the right
        ("shift", -3, (4, 4, 0), (4, 1, 2)),
        ("scale", 3, (4, 5, 0), (4, 7, 0)),  # away from the middle
        ("shear", 3, (5, 4, 0), (5, 7, 0)),  # below, to the right
        ("shear", 3, (3, 4, 2), (3, 1, 2)),  # above, to the left
    ],
)
def test_every_transform_moves_what_it_says_to_where_it_says(
    rule, dot, transform, amount, start, end
):
    nothing = TRANSFORMS[transform].nothing
    row, column, label = end
    there = dot(row, column, label)
    assert measure_transform([rule("side")], there, transform, [nothing]).mean() == [100]
    moved = dot(start[0], start[1], label)
    assert measure_transform([rule("side")], moved, transform, [amount]).mean() == [100]


def test_rows_are_seeds_and_columns_are_amounts_in_the_order_given(rule, dots):
    models = [rule("side"), rule("says", answer=0), rule("says", answer=1)]
    curve = measure_transform(models, dots, "rotation", [90, 0])
    assert curve.amounts == (90, 0)
    right, top = pytest.approx(400 / 6), pytest.approx(200 / 6)
    assert curve.seeds(0) == [0, right, top]
    assert curve.seeds(1) == [100, right, top]
    assert [test.images for seed in curve.tests for test in seed] == [6] * 6


def test_the_score_of_logits_is_the_probability_of_the_true_class(rule, dots):
    """The rule gives 1 to the class it says and 0 to the three others."""
    says, rest = exp(1) / (exp(1) + 3), 1 / (exp(1) + 3)
    curve = measure_transform([rule("says", answer=0)], dots, "shear", [0, 0.5])
    assert curve.mean("score") == pytest.approx([(4 * says + 2 * rest) / 6] * 2)


def test_the_score_of_capsules_is_the_length_of_the_true_one(rule, dots):
    model = rule("says", answer=0)
    model.score_kind = "lengths"
    model.forward = lambda images, labels=None: Output(
        torch.tensor([0.8, 0.3, 0.1, 0.2]).expand(len(images), 4), torch.zeros(len(images), 4, 2)
    )
    curve = measure_transform([model] * 2, dots, "scale", [1, 2])
    assert curve.mean("score") == pytest.approx([(4 * 0.8 + 2 * 0.3) / 6] * 2)
    assert curve.sd("score") == pytest.approx([0, 0])


def test_batches_of_unequal_size_weigh_by_their_images(rule, dots):
    """Of 260 images the last 10 are a batch of their own."""
    labels = torch.tensor([0] * 250 + [1] * 10)
    images = ImageDataset(torch.zeros(260, 1, 9, 9), labels, dots.classes)
    curve = measure_transform([rule("says", answer=0)], images, "rotation", [0])
    says, rest = exp(1) / (exp(1) + 3), 1 / (exp(1) + 3)
    assert curve.mean("score") == pytest.approx([(250 * says + 10 * rest) / 260])


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_the_amount_of_nothing_is_the_plain_evaluation(rule, dots, transform):
    model = rule("side")
    plain = evaluate(model, dots, model.make_loss())
    seen = []
    model.scores = lambda images, scores=model.scores: seen.append(images) or scores(images)
    ((test,),) = measure_transform([model], dots, transform, [TRANSFORMS[transform].nothing]).tests
    assert (test.accuracy, test.images) == (plain.accuracy, plain.images)
    assert test.reconstruction_mse is None
    assert torch.equal(seen[0], dots.images), "not even interpolated"


def test_each_is_called_after_every_amount_of_every_model(rule, dots):
    calls = []
    measure_transform([rule("side")] * 2, dots, "shift", (0, 1, 2), each=lambda: calls.append(1))
    assert len(calls) == 6


def test_a_model_stays_in_the_mode_it_was_in(rule, dots):
    models = [rule("side").train(), rule("side").eval()]
    measure_transform(models, dots, "rotation", [0, 30])
    assert [model.training for model in models] == [True, False]


def test_an_unknown_transform_is_refused(rule, dots):
    with pytest.raises(ValueError, match="unknown transform 'rotate'; known: rotation, scale, "):
        measure_transform([rule("side")], dots, "rotate", [0])


def test_mean_and_sample_standard_deviation_of_both():
    curve = curve_of([0.9, 0.5], [0.6, 0.5], [0.3, 0.8], scores=[[0.1, 1], [0.2, 1], [0.3, 1]])
    assert curve.mean() == pytest.approx([60, 60])
    assert curve.sd() == pytest.approx([30, sqrt(300)])
    assert curve.mean("score") == pytest.approx([0.2, 1])
    assert curve.sd("score") == pytest.approx([0.1, 0])
    assert curve_of([0.9], [0.8]).sd() == pytest.approx([10 / sqrt(2)])


def test_one_seed_has_no_spread():
    assert curve_of([0.25, 1.0]).mean() == [25, 100]
    assert curve_of([0.25, 1.0]).sd() == [0, 0]


def test_scores_are_what_the_model_says_they_are(rule, dots):
    """Without poses, too: an activation is no logit."""
    model = rule("says", answer=0)
    model.score_kind = "activations"
    assert measure_transform([model], dots, "shift", (0,)).mean("score") == pytest.approx([4 / 6])
