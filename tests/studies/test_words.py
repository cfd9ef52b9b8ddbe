"""Numbers over seeds as words."""

import pytest

from torchcaps.analysis.metrics import spread
from torchcaps.studies.words import cell, clearly, compare, listed


def test_a_spread_needs_two_seeds():
    assert spread([3.0]) == 0
    assert spread([1.0, 3.0]) == pytest.approx(2**0.5)


def test_a_cell_has_a_spread_where_there_are_seeds():
    assert cell([61.0], unit=" %") == "61.00 %"
    assert cell([61.0, 63.0], unit=" %", digits=1) == "62.0 ± 1.4 %"
    assert cell([0.5, 0.5], digits=3) == "0.500 ± 0.000"


@pytest.mark.parametrize(
    ("ours", "theirs", "words"),
    [
        ([60], [40], "20.0 points more"),
        ([40], [60], "20.0 points less"),
        ([40], [40.04], "the same to 0.1 points"),
        ([40, 60], [55, 55], "5.0 points less, no more than the spread over seeds"),
        ([55, 55], [40, 60], "5.0 points more, no more than the spread over seeds"),
        ([55, 55], [40, 41], "14.5 points more"),
    ],
)
def test_a_difference_claims_no_more_than_it_shows(ours, theirs, words):
    assert compare(ours, theirs, unit=" points", digits=1) == words


def test_a_difference_in_other_units():
    assert compare([0.912], [0.9], unit="", digits=3) == "0.012 more"
    assert compare([0.9], [0.9003], unit="", digits=3) == "the same to 0.001"


def test_lists_of_words():
    assert [listed(["a"]), listed(["a", "b"]), listed(["a", "b", "c"])] == [
        "a", "a and b", "a, b and c",
    ]  # fmt: skip


def test_ahead_means_by_more_than_the_spread():
    assert clearly([55, 55], [40, 41])
    assert not clearly([40, 41], [55, 55])
    assert not clearly([40, 60], [45, 45])
