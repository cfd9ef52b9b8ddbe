"""Squash beside sigmoid and softmax: the curves and bars are the functions."""

from itertools import pairwise
from math import exp

import pytest

from torchcaps.figures.squash import squash_figure
from torchcaps.figures.style import to_bytes

EXAMPLES = (0.0, 0.5, 3.0)


@pytest.fixture
def axes():
    left, right = squash_figure(EXAMPLES).axes
    return left, right


def squashed(x):
    return x * x / (1 + x * x)


def sigmoid(x):
    return 1 / (1 + exp(-x))


def test_the_curves_are_squash_and_sigmoid(axes):
    curves = {line.get_label(): line.get_xydata() for line in axes[0].lines}
    for name, function in (("squash", squashed), ("sigmoid", sigmoid)):
        x, y = curves[name].T
        assert (x[0], x[-1]) == (0, 5)
        assert y == pytest.approx([function(value) for value in x], abs=1e-6)


def test_the_bars_are_the_three_functions_of_the_examples(axes):
    total = sum(map(exp, EXAMPLES))
    wanted = {
        f"squash (sum {sum(map(squashed, EXAMPLES)):.2f})": [squashed(x) for x in EXAMPLES],
        f"sigmoid (sum {sum(map(sigmoid, EXAMPLES)):.2f})": [sigmoid(x) for x in EXAMPLES],
        "softmax (sum 1.00)": [exp(x) / total for x in EXAMPLES],
    }
    drawn = {bars.get_label(): [bar.get_height() for bar in bars] for bars in axes[1].containers}
    assert list(drawn) == list(wanted)
    for name, heights in wanted.items():
        assert drawn[name] == pytest.approx(heights, abs=1e-6)


def test_bars_stand_beside_each_other_over_their_example(axes):
    assert [text.get_text() for text in axes[1].get_xticklabels()] == ["0", "0.5", "3"]
    edges = sorted((bar.get_x(), bar.get_x() + bar.get_width()) for bar in axes[1].patches)
    assert all(end < start for (_, end), (start, _) in pairwise(edges))
    for place, example in enumerate(range(0, 9, 3)):
        first, last = edges[example][0], edges[example + 2][1]
        assert place - 0.5 < first < last < place + 0.5


def test_the_title_is_true(axes):
    assert (squashed(0), sigmoid(0)) == (0, 0.5)
    assert axes[0].figure.get_suptitle() == (
        "Squash maps 0 to 0, sigmoid maps it to 0.5; the outputs of softmax add up to 1"
    )


def test_the_png_shows_all_three_colours(axes, decode):
    pixels = decode(to_bytes(axes[0].figure)).astype(int)
    for wanted in ((0, 0x72, 0xB2), (0xD5, 0x5E, 0), (0, 0x9E, 0x73)):
        assert (abs(pixels - wanted).max(-1) < 8).sum() > 500
