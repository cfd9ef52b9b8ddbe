"""Options of the iterations study, and its report of results made up here."""

import re

import pytest

from torchcaps.studies.iterations.study import (
    COUPLINGS,
    REPLACED,
    IterationsOptions,
    table,
    verdicts,
)
from torchcaps.studies.results import Results

OPTIONS = IterationsOptions(iterations=(5, 3, 1), seeds=2)
ACCURACY = {1: (95.0, 96.0), 3: (98.0, 98.4), 5: (98.1, 98.9)}
FIGURES = ("iterations.svg", "routing.png", "squash.svg")
REFUSED = {
    "none": ({"iterations": ()}, "iterations study, iterations: expected at least one; got none"),
    "seeds": ({"seeds": 0}, "iterations study, seeds: expected a whole number, at least 1; got 0"),
    "unknown": ({"model": "capsnt"}, "unknown model 'capsnt'; known: "),
    "no routing": (
        {"model": "cnn"},
        "iterations study, model: expected class capsules by routing; got cnn, which has none; "
        "take a capsnet",
    ),
    "zero": ({"iterations": (3, 0)}, "CapsNet, iterations: expected"),
    "too large": ({"model": "capsnet"}, "CapsNet stem, kernel_size: expected at most"),
    "too many": ({"train_images": 9999}, "digits.sample, n: expected 1 to 1257"),
}


@pytest.mark.parametrize(("options", "text"), REFUSED.values(), ids=REFUSED)
def test_bad_options_are_refused_before_a_step_is_taken(options, text):
    with pytest.raises(ValueError, match=re.escape(text)):
        IterationsOptions(**options).check()


def test_the_usual_number_is_three_or_the_nearest():
    assert OPTIONS.usual == 3
    assert IterationsOptions(iterations=(10, 1, 4)).usual == 4
    assert list(OPTIONS.names.items())[:2] == [(1, "1 iteration"), (3, "3 iterations")]
    assert OPTIONS.tested == range(1, 11)


def results(seeds=2):
    """Every number of iterations in the test costs half a percent, beyond that in training."""
    found = Results()
    for r, name in OPTIONS.names.items():
        accuracy = ACCURACY[r][:seeds]
        for tested in ("", *OPTIONS.tested):
            lost = 0.5 * abs((tested or r) - r)
            found.add(name, "accuracy", [value - lost for value in accuracy], tested)
            found.add(name, "changed", [2 * lost] * seeds, tested)
            for k, metric in enumerate(COUPLINGS):
                found.add(name, metric, [(tested or r) / 20 + k / 10] * seeds, tested)
        found.add(name, "dead_children", [12.5] * seeds)
        found.add(name, "dead_parents", [0.0] * seeds)
        for k, by in enumerate(REPLACED):
            found.add(f"{name}, {by} couplings", "accuracy", [v - 10 * k for v in accuracy])
    return found


def test_three_is_ahead_level_or_behind_by_the_rule_of_all_studies():
    assert verdicts(results(), OPTIONS) == {"ahead": [1], "level": [5], "behind": []}


@pytest.mark.parametrize("seeds", [1, 2])
def test_the_report(seeds, made_up_report, snapshot):
    found = results(seeds)
    report = made_up_report(
        OPTIONS, found, OPTIONS.names.values(), FIGURES, table(found, OPTIONS),
        test_images=360, verdicts=verdicts(found, OPTIONS),
    )  # fmt: skip
    snapshot(report, "iterations" if seeds > 1 else "iterations of one seed")
