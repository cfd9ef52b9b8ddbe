"""Accuracy against the angle, for models whose answers are known beforehand."""

from math import sqrt

import pytest

from torchcaps.analysis.rotation import RotationCurve, measure_rotation
from torchcaps.data import ImageDataset
from torchcaps.training import Evaluation, evaluate

ANGLES = (-45, -30, -15, 0, 15, 30, 45)


def curve_of(*seeds):
    """A curve with these accuracies, one list a seed."""
    tests = [[Evaluation(value, 0.0, None, 10) for value in seed] for seed in seeds]
    return RotationCurve(tuple(range(len(seeds[0]))), tests)


def test_an_invariant_model_has_a_flat_curve(rule, blots):
    assert measure_rotation([rule("ink")], blots, ANGLES).mean() == [100.0] * len(ANGLES)


def test_a_model_that_looks_at_sides_falls_with_the_turn(rule, dots):
    curve = measure_rotation([rule("side")], dots, (-90, 0, 15, 90, 180, 360))
    assert curve.mean() == [0, 100, 100, 0, 0, 100]


def test_positive_degrees_turn_counter_clockwise(rule, dots):
    to_the_top = ImageDataset(dots.images[:4], dots.labels[:4] + 1, dots.classes)
    to_the_bottom = ImageDataset(dots.images[:4], dots.labels[:4] + 3, dots.classes)
    assert measure_rotation([rule("side")], to_the_top, (-90, 90)).mean() == [0, 100]
    assert measure_rotation([rule("side")], to_the_bottom, (-90, 90)).mean() == [100, 0]


def test_rows_are_seeds_and_columns_are_angles_in_the_order_given(rule, dots):
    models = [rule("side"), rule("says", answer=0), rule("says", answer=1)]
    curve = measure_rotation(models, dots, [90, 0])
    assert curve.degrees == (90, 0)
    right, top = pytest.approx(400 / 6), pytest.approx(200 / 6)
    assert curve.accuracies(0) == [0, right, top]
    assert curve.accuracies(1) == [100, right, top]
    assert [test.images for seed in curve.evaluations for test in seed] == [6] * 6


def test_the_turn_of_nothing_is_the_plain_evaluation(rule, dots):
    model = rule("side")
    plain = evaluate(model, dots, model.make_loss())
    assert measure_rotation([model], dots, [0]).evaluations == [[plain]]


def test_each_is_called_after_every_angle_of_every_model(rule, dots):
    calls = []
    measure_rotation([rule("ink")] * 2, dots, (0, 10, 20), each=lambda: calls.append(1))
    assert len(calls) == 6


def test_a_model_stays_in_the_mode_it_was_in(rule, dots):
    models = [rule("side").train(), rule("side").eval()]
    measure_rotation(models, dots, [0, 30])
    assert [model.training for model in models] == [True, False]


def test_mean_and_sample_standard_deviation_in_percent():
    curve = curve_of([0.9, 0.5], [0.6, 0.5], [0.3, 0.8])
    assert curve.mean() == pytest.approx([60, 60])
    assert curve.sd() == pytest.approx([30, sqrt(300)])
    assert curve_of([0.9], [0.8]).sd() == pytest.approx([10 / sqrt(2)])


def test_one_seed_has_no_spread():
    assert curve_of([0.25, 1.0]).mean() == [25, 100]
    assert curve_of([0.25, 1.0]).sd() == [0, 0]
