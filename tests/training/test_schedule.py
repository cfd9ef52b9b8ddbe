import math

import pytest
import torch

from torchcaps.training import Recipe
from torchcaps.training.schedule import LearningRate


def rates(steps=100, **fields):
    """The rate as a function of the step; an epoch is `steps` steps."""
    return LearningRate(Recipe(**{"epochs": 1, **fields}), steps)


def test_a_constant_rate_stays():
    assert {rates(lr=0.25)(step) for step in (0, 1, 99)} == {0.25}


def test_a_cosine_falls_to_zero_and_is_halved_in_the_middle():
    rate = rates(100, lr=0.25, schedule="cosine", epochs=3)
    found = [rate(step) for step in (0, 100, 150, 300)]
    assert found == pytest.approx([0.25, 0.1875, 0.125, 0.0], abs=1e-15)
    every = [rate(step) for step in range(301)]
    assert every == sorted(every, reverse=True)


def test_the_authors_take_four_percent_off_every_2000_steps_down_to_a_millionth():
    rate = rates(10**6, lr=1e-3, schedule="sabour2017")
    found = [rate(step) for step in (0, 1000, 2000, 4000, 10**6)]
    expected = [1e-3, 1e-3 * math.sqrt(0.96), 9.6e-4, 9.216e-4, 1e-6]
    assert found == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("schedule", "options", "expected"),
    [
        ("StepLR", {"step_size": 2}, [1, 1, 0.1, 0.1, 0.01]),
        ("MultiStepLR", {"milestones": [1, 3], "gamma": 0.5}, [1, 0.5, 0.5, 0.25, 0.25]),
        ("ExponentialLR", {"gamma": 0.5}, [1, 0.5, 0.25, 0.125, 0.0625]),
        ("PolynomialLR", {"total_iters": 4}, [1, 0.75, 0.5, 0.25, 0]),
        ("CosineAnnealingWarmRestarts", {"T_0": 2}, [1, 0.5, 1, 0.5, 1]),
    ],
)
def test_schedules_of_torch_are_asked_once_an_epoch(schedule, options, expected):
    rate = rates(7, lr=0.2, epochs=5, schedule=schedule, schedule_options=options)
    found = [rate(7 * epoch + step) / 0.2 for epoch in range(5) for step in (0, 6)]
    assert found == pytest.approx([value for value in expected for _ in range(2)])


def test_the_warm_up_rises_in_a_line_and_then_leaves_the_schedule_alone():
    plain, warm = rates(8, lr=0.4, epochs=2), rates(8, lr=0.4, epochs=2, warmup=0.5)
    assert [warm(step) for step in range(5)] == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.4])
    cosine = rates(8, lr=0.4, epochs=2, schedule="cosine")
    both = rates(8, lr=0.4, epochs=2, schedule="cosine", warmup=0.5)
    assert both(1) == pytest.approx(cosine(1) / 2)
    assert [both(step) for step in range(4, 16)] == [cosine(step) for step in range(4, 16)]
    assert plain(0) == 0.4


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (
            {"step_siz": 2},
            "schedule_options of StepLR: .* got 'step_siz'; did you mean 'step_size'",
        ),
        ({}, r"schedule_options: .* got {} \(.*step_size'\); correct them by"),
        ({"step_size": "x"}, "schedule_options: expected values that torch takes; got {'step_size"),
        ({"step_size": 0}, "schedule_options: expected values that torch takes; got {'step_size"),
    ],
    ids=str,
)
def test_options_that_no_scheduler_takes_are_named(options, text):
    with pytest.raises(ValueError, match=f"^Recipe, {text}"):
        rates(schedule="StepLR", schedule_options=options)


def test_a_schedule_draws_no_random_numbers():
    before = torch.get_rng_state()
    rates(schedule="ExponentialLR", schedule_options={"gamma": 0.9}, epochs=3)
    assert torch.equal(torch.get_rng_state(), before)
