"""The reported rotation, of models whose reports are known beforehand."""

import pytest
import torch

import torchcaps as tc
from torchcaps.analysis.pose.angle_following import measure_angle_following


@pytest.fixture
def reporter(rule):
    """Says where the ink is, seen from the middle, and `slack` times that angle."""

    def make(slack=1.0):
        model = rule("side")
        y, x = torch.meshgrid(torch.arange(4, -5, -1.0), torch.arange(-4, 5.0), indexing="ij")
        model.scores = lambda images: torch.stack(
            [(images[:, 0] * axis).sum((1, 2)) for axis in (x, y)], 1
        )
        model.angle = lambda out: slack * torch.rad2deg(torch.atan2(*out.scores.flip(1).T))
        return model

    return make


def test_a_model_that_follows_has_no_error_across_the_turn_either(reporter, dots):
    above = dots.subset(dots.labels == 1)
    found = measure_angle_following(reporter(), above, (-90, 0, 90, 180))
    assert found == pytest.approx({-90: 0, 0: 0, 90: 0, 180: 0}, abs=1e-3)


def test_a_model_that_follows_half_misses_half(reporter, dots):
    right = dots.subset(dots.labels == 0)
    found = measure_angle_following(reporter(0.5), right, (0, 90))
    assert found == pytest.approx({0: 0, 90: 45}, abs=1e-3)


def test_a_model_that_reports_nothing_has_none(dots):
    assert measure_angle_following(tc.create_model("cnn", (1, 9, 9), 4), dots, (0, 90)) == {}
