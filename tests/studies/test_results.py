"""Rows by name, what is said of them, and rows as text and back."""

import json
from math import isnan, nan

import pytest

from torchcaps.studies.results import Difference, Results, Row


@pytest.fixture
def results():
    found = Results()
    found.add("caps", "accuracy", (90.0, 91.0, 92.0), 30)
    found.add("cnn", "accuracy", (80.0, 84.0, 88.0), "30")
    found.add("caps", "mse", [0.25])
    found.add("cnn", "mse", (nan, 1.0))
    return found


def test_rows_are_found_by_model_metric_and_condition(results):
    assert results.rows[1] == Row("caps", 1, "30", "accuracy", 91.0)
    assert results.values("caps", "accuracy", 30) == [90, 91, 92]
    assert results.values("caps", "accuracy") == []
    assert results.seeds == 3
    assert results.names("model") == ["caps", "cnn"]
    assert results.names("metric", model="cnn", condition=30) == ["accuracy"]
    assert (Results().rows, Results().seeds) == ([], 1)


def test_mean_and_sample_standard_deviation_over_seeds(results):
    assert results.mean("cnn", "accuracy", 30) == 84
    assert results.sd("cnn", "accuracy", 30) == 4
    assert results.sd("caps", "mse") == 0
    assert isnan(results.mean("caps", "unknown"))
    assert results.sd("caps", "unknown") == 0


def test_cells(results):
    assert results.cell("caps", "accuracy", 30, digits=1, unit=" %") == "91.0 ± 1.0 %"
    assert results.cell("caps", "mse", digits=3) == "0.250"
    assert results.cell("cnn", "mse") == "–", "not defined for a seed"
    assert results.cell("caps", "unknown") == "–"


@pytest.mark.parametrize(
    ("gain", "spread", "verdict"),
    [
        (0.2, 0.7, "level"), (-0.2, 0.7, "level"), (0.7, 0.7, "level"), (0.8, 0.7, "ahead"),
        (-0.8, 0.7, "behind"), (0.1, 0.0, "ahead"), (0.0, 0.0, "level"), (nan, 0.0, "undefined"),
    ],
)  # fmt: skip
def test_a_gain_counts_beyond_the_spread(gain, spread, verdict):
    assert Difference(gain, spread).verdict == verdict


def test_a_gain_of_0_2_under_a_spread_of_0_7_is_level():
    found = Results()
    found.add("caps", "accuracy", (90.2, 91.2))  # sd 0.707
    found.add("cnn", "accuracy", (90.5, 90.5))
    found.add("mlp", "accuracy", (89.0, 89.2))
    difference = found.difference("caps", "cnn", "accuracy")
    assert difference.gain == pytest.approx(0.2)
    assert difference.spread == pytest.approx(0.5**0.5)
    assert difference.verdict == found.difference("cnn", "caps", "accuracy").verdict == "level"
    assert found.difference("caps", "mlp", "accuracy").verdict == "ahead"
    assert found.difference("mlp", "caps", "accuracy").verdict == "behind"


def test_conditions_by_verdict():
    found = Results()
    for angle, caps, cnn in (
        (-30, (80, 82), (70, 70)),
        (0, (98, 99), (98, 98)),
        (30, (1, 2), (5, 5)),
    ):
        found.add("caps", "accuracy", caps, angle)
        found.add("cnn", "accuracy", cnn, angle)
    wanted = {"ahead": ["-30"], "level": ["0"], "behind": ["30"]}
    assert found.verdicts("caps", "cnn", "accuracy", (-30, 0, 30, "not measured")) == wanted


def test_json_has_null_for_what_is_not_defined_and_comes_back(results):
    text = json.dumps(results.as_json(), allow_nan=False)
    assert json.loads(text)["columns"] == ["model", "seed", "condition", "metric", "value"]
    assert json.loads(text)["rows"][-2:] == [["cnn", 0, "", "mse", None], ["cnn", 1, "", "mse", 1]]
    again = Results.from_json(text)
    assert again.csv() == results.csv()
    assert again.rows[:-2] == results.rows[:-2]
    assert isnan(again.values("cnn", "mse")[0])


def test_csv_has_a_row_a_number(results):
    lines = results.csv().splitlines()
    assert lines[:2] == ["model,seed,condition,metric,value", "caps,0,30,accuracy,90"]
    assert len(lines) == 1 + len(results.rows)
