"""Options of the routing study, and its report of results made up here."""

import re

import pytest
from matplotlib.patches import Rectangle

from torchcaps.nn import ROUTINGS
from torchcaps.studies.results import Results
from torchcaps.studies.routing.measure import COUPLINGS, TESTS
from torchcaps.studies.routing.study import RoutingOptions, figure, score_kinds, table

OPTIONS = RoutingOptions(routings=("random", "dynamic", "em", "vector"), seeds=2)
ACCURACY = {"dynamic": 98.0, "em": 95.0, "vector": 99.9, "uniform": 98.1, "random": 97.0}
REFUSED = {
    "none": ({"routings": ()}, "routing study, routings: expected at least one; got none"),
    "unknown": ({"routings": ("dynamik",)}, "unknown routing 'dynamik'; known: "),
    "controls alone": (
        {"routings": ("uniform", "random")},
        "routing study, routings: expected at least one that routes; got only controls, uniform, "
        "random; name one to compare them with, such as dynamic",
    ),
    "no routing": (
        {"model": "cnn"},
        "routing study, model: expected class capsules by routing; got cnn, which has none; "
        "take a capsnet",
    ),
    "too many": ({"train_images": 9999}, "digits.sample, n: expected 1 to 1257"),
}


@pytest.mark.parametrize(("options", "text"), REFUSED.values(), ids=REFUSED)
def test_bad_options_are_refused_before_a_step_is_taken(options, text):
    with pytest.raises(ValueError, match=re.escape(text)):
        RoutingOptions(**options).check()


def test_every_routing_is_compared_unless_some_are_named():
    assert sorted(RoutingOptions().names) == sorted(ROUTINGS)


def test_uniform_couplings_are_always_there_and_controls_come_last():
    assert OPTIONS.names == ["dynamic", "em", "vector", "random", "uniform"]
    assert OPTIONS.routed == ["dynamic", "em", "vector"]


def results(seeds=2):
    """Vector routing is ahead, em behind and dynamic level, upright; rotated, all lose alike but
    dynamic, whose spread is large."""
    found = Results()
    for name in OPTIONS.names:
        for lost, test in enumerate(TESTS):
            off = 20.0 if name == "dynamic" and lost else 0.3
            values = [ACCURACY[name] - 10 * lost + off * k for k in (-1, 1)][:seeds]
            found.add(name, "accuracy", values, test)
        for k, metric in enumerate(COUPLINGS):
            found.add(name, metric, [k / 10] * seeds)
        found.add(name, "step_ms", [len(name), len(name) + 1.0][:seeds])
        found.add(name, "peak_mb", [12.5] * seeds)
    return found


def test_accuracies_are_marked_by_the_rule_of_all_studies():
    header, rows = table(results(), OPTIONS)
    assert header == ["routing", "upright", "−30°", "+30°", "random affine"]
    cells = {row[0]: row[1:] for row in rows}
    assert cells["vector"][0] == "99.9 ± 0.4 ▲"
    assert cells["em"][0] == "95.0 ± 0.4 ▼"
    assert cells["dynamic"][1] == "88.0 ± 28.3"
    assert cells["uniform"][0] == "98.1 ± 0.4"


@pytest.mark.parametrize("seeds", [1, 2])
def test_the_report(seeds, made_up_report, snapshot):
    found = results(seeds)
    report = made_up_report(
        OPTIONS, found, OPTIONS.names, ["routings.svg"], table(found, OPTIONS),
        test_images=360, score_kinds=score_kinds(OPTIONS.names),
    )  # fmt: skip
    snapshot(report, "routing" if seeds > 1 else "routing of one seed")


def test_where_nothing_is_ahead_the_finding_says_so(made_up_report, read_page):
    options, found = RoutingOptions(routings=("em",), seeds=2), results()
    report = made_up_report(
        options, found, options.names, ["routings.svg"], table(found, options),
        test_images=360, score_kinds=score_kinds(options.names),
    )  # fmt: skip
    assert read_page(report).text["p"][0] == (
        "On upright test images of digits, none of 1 routing algorithm is ahead of uniform "
        "couplings, which do not route at all. Behind: em."
    )


def test_the_figure_shows_the_results():
    left, right = figure(results(), OPTIONS).axes
    assert [label.get_text() for label in left.get_yticklabels()] == OPTIONS.names
    widths = [bar.get_width() for bar in right.patches if isinstance(bar, Rectangle)]
    assert widths == pytest.approx([len(name) + 0.5 for name in OPTIONS.names])
