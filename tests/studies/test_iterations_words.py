"""What the iterations study says follows from the numbers, whichever way they fall."""

import csv

import pytest

from torchcaps.analysis.routing.couplings import CouplingStatistics
from torchcaps.analysis.routing.measures import RoutingMeasures, RoutingTest
from torchcaps.studies.iterations_table import IterationsTable
from torchcaps.studies.iterations_words import finding, opening, verdict


def measures(own, percent, *, mean=80.0, uniform=70.0, random=20.0, polarised=0.05):
    """Of one network: `percent` right with its own number of iterations and 1 point less with each
    more or less, `polarised` more polarised with each; 2 % change with each away from its own."""
    away = [abs(r - own) for r in range(1, 11)]
    replaced = {"uniform": uniform, "random": random, "mean": mean}
    return RoutingMeasures(
        own=own,
        couplings=tuple(
            CouplingStatistics(1 - 0.02 * r, polarised * r, 0.07 * r) for r in range(10)
        ),
        tests=tuple(RoutingTest((percent - k) / 100, 0.02 * k) for k in away),
        replaced={by: RoutingTest(value / 100, 0.5) for by, value in replaced.items()},
        dead_children=0.25,
        dead_parents=0.0,
        images=1234,
    )


def table(percents, **options):
    """`percents[R]` lists the accuracy of every seed."""
    return IterationsTable(
        {r: [measures(r, p, **options) for p in seeds] for r, seeds in percents.items()}
    )


WHY = {
    "ahead of all": (
        {1: [80, 82], 3: [90, 92], 5: [85, 85]},
        "with 1, 10.0 points more; with 5, 6.0 points more.",
        "Three is ahead of every other number by more than the spread over seeds.",
    ),
    "within the spread": (
        {1: [89, 91], 3: [90, 92], 5: [80, 80]},
        "with 1, 1.0 points more, no more than the spread over seeds; with 5, 11.0 points more.",
        "Nothing here singles out three: by more than the spread over seeds, it is not ahead of 1.",
    ),
    "behind": (
        {1: [91, 91], 3: [90, 90.4], 5: [95, 95], 10: [80, 80]},
        "with 1, 0.8 points less; with 5, 4.8 points less; with 10, 10.2 points more.",
        "Nothing here singles out three: by more than the spread over seeds, it is not ahead of 1 "
        "and 5, and it is behind 1 and 5.",
    ),
    "the same": (
        {2: [90, 91, 92], 3: [91, 91, 91]},
        "with 2, the same to 0.1 points.",
        "Nothing here singles out three: by more than the spread over seeds, it is not ahead of 2.",
    ),
    "one seed": (
        {1: [80], 3: [90]},
        "with 1, 10.0 points more.",
        "One seed cannot tell such differences from chance.",
    ),
}


@pytest.mark.parametrize(("percents", "compared", "concluded"), WHY.values(), ids=WHY)
def test_why_three(percents, compared, concluded):
    first, second, *_ = verdict(table(percents))
    three = sum(percents[3]) / len(percents[3])
    assert first == (
        f"Trained and tested with 3 iterations, networks name {three:.1f} % of the images rightly. "
        f"Compared with others, each tested as it was trained: {compared}"
    )
    assert second == concluded


@pytest.mark.parametrize("percents", [{3: [90, 91]}, {1: [90], 2: [91]}])
def test_nothing_is_said_of_three_without_three_or_without_others(percents):
    said = verdict(table(percents))
    assert len(said) == 5
    assert not any("Three" in text or "with 3 iterations" in text for text in said)


def test_tested_otherwise_polarised_dynamic_replaced_and_dead():
    assert verdict(table({1: [50, 50], 3: [90, 94]}, mean=93.0, uniform=92.0))[2:] == [
        "The networks trained with 3 are right on 85.0 % of the images at least (tested with 10) "
        "and on 92.0 % at most (with 3). With 10 in place of 3, 14.0 ± 0.0 % of the images get "
        "another class.",
        "From 2 to 10 iterations in their test, polarisation goes from 0.05 to 0.45 and accuracy "
        "from 91.0 to 85.0 %.",
        "The dynamism of their couplings is 0.140 ± 0.000, where 0 would mean that every image has "
        "the same; their entropy is 0.960 ± 0.000, where 1 would mean that nobody is preferred.",
        "With couplings that no routing found in place of their own, which give 92.0 %: mean "
        "couplings, 1.0 points more, no more than the spread over seeds; uniform couplings, the "
        "same to 0.1 points; random couplings, 72.0 points less.",
        "Shorter than 0.05 on every test image stay 25.0 ± 0.0 % of their primary capsules and "
        "0.0 ± 0.0 % of their class capsules.",
    ]


def test_the_title_says_from_where_to_where():
    assert finding(table({1: [80, 82], 2: [91, 92], 10: [90, 90]})) == (
        "Trained with 1, 2 and 10 iterations: 81.0 to 91.5 % right, the most with 2"
    )
    assert finding(table({2: [91.0], 3: [91.01]})) == (
        "Trained with 2 and 3 iterations: 91.0 % right"
    )


def test_the_networks_told_of_are_those_nearest_to_three():
    assert table({1: [1], 2: [1], 5: [1]}).usual == 2
    assert table({5: [1], 10: [1]}).usual == 5


def test_the_opening_says_what_was_done():
    settings = {"model": "capsnet", "data": "digits", "train_images": None, "epochs": 20}
    said = opening(settings, table({1: [50, 50], 3: [50, 50]}))
    assert said.startswith(
        "capsnet learnt digits from all training images for 20 epochs, with 1 and 3 routing "
        "iterations. Then the couplings of every network were followed on all 1,234 test images "
        "with 1 to 10 iterations"
    )
    assert "Mean ± sd of 2 seeds." in said
    alone = opening({**settings, "train_images": 7, "epochs": 1}, table({3: [50]}))
    assert "from 7 training images for 1 epoch, with 3 routing iterations." in alone
    assert "One seed: no spread can be given." in alone


def test_rows_and_columns():
    both = table({1: [50, 52], 3: [90, 90]})
    assert both.header() == ["trained with", "accuracy (%)", "uniform", "random", "mean"]
    assert both.rows()[0] == ["1", "51.0 ± 1.4", "70.0 ± 0.0", "20.0 ± 0.0", "80.0 ± 0.0"]
    assert both.couplings_header() == ["trained with", "entropy", "polarisation", "dynamism"]
    assert both.couplings_rows() == [
        ["1", "1.000 ± 0.000", "0.000 ± 0.000", "0.000 ± 0.000"],
        ["3", "0.960 ± 0.000", "0.100 ± 0.000", "0.140 ± 0.000"],
    ]
    assert both.tests_header() == ["trained with", *(str(r) for r in range(1, 11))]
    assert both.tests_rows("accuracy")[1][:5] == ["3", "88.0", "89.0", "90.0", "89.0"]
    assert both.tests_rows("changed")[0][:4] == ["1", "0.0", "2.0", "4.0"]


def test_the_csv_has_every_number_with_its_spread():
    lines = list(csv.DictReader(table({1: [50, 52], 3: [90, 90]}).csv().splitlines()))
    found = {
        (line["trained"], line["tested"], line["measure"]): (float(line["mean"]), float(line["sd"]))
        for line in lines
    }
    assert len(found) == len(lines) == 2 * (5 * 10 + 3 * 2)
    assert found["1", "2", "accuracy"] == pytest.approx((50, 2**0.5), abs=1e-6)
    assert found["3", "10", "changed"] == pytest.approx((14, 0))
    assert found["3", "4", "polarisation"] == pytest.approx((0.15, 0))
    assert found["3", "mean", "accuracy"] == pytest.approx((80, 0))
    assert found["3", "random", "changed"] == pytest.approx((50, 0))


def test_the_panels_are_the_table():
    panels = table({1: [50, 52], 3: [90, 90]}).panels()
    assert [name.split()[0] for name in panels] == [
        "accuracy", "entropy", "polarisation", "dynamism",
    ]  # fmt: skip
    accuracy = panels["accuracy on the test images (%)"]
    assert accuracy[1].mean == pytest.approx([51 - k for k in range(10)])
    assert accuracy[1].sd == pytest.approx([2**0.5] * 10)
    assert accuracy[3].sd == [0] * 10
