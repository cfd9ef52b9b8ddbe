"""The equivariance study's report of results made up here."""

import pytest

from torchcaps.studies.equivariance.measure import (
    DRAWN,
    LAYER_METRICS,
    PIXELS,
    PROBE_METRICS,
    transforms,
    where,
)
from torchcaps.studies.equivariance.study import EquivarianceOptions, table
from torchcaps.studies.results import Results

OPTIONS = EquivarianceOptions(beside=("equivariant_capsnet", "cnn"), seeds=2, epochs=1)
OURS, TURNED, CNN = OPTIONS.models
MOVED = "moved digits"
KNOWN = {
    "layers": {
        OURS: ["image", "class poses", "pose of the class"],
        TURNED: ["image", "class poses", "pose of the class"],
        CNN: ["image", "penultimate"],
    },
    "read": {OURS: "class poses", TURNED: "class poses", CNN: "penultimate"},
    "transforms": transforms(8),
    "quantities": {MOVED: ["rotation", "scale"], DRAWN: ["rotation", "thickness"]},
    "width": 16,
}


def results():
    """Another number for every cell, none near the middle between two that are written."""
    found = Results()
    for k, (name, layers) in enumerate(KNOWN["layers"].items()):
        for data in ("digits", DRAWN):
            found.add(name, "accuracy", (96.2 + k, 97.8 + k), data)
        for n, layer in enumerate(layers):
            for t, transform in enumerate(KNOWN["transforms"]):
                for m, metric in enumerate(LAYER_METRICS):
                    value = 16 * (n + 1) if metric == "numbers" else (k + n + t + m) / 10
                    found.add(name, metric, (value, value), where(layer, transform))
    found.add(TURNED, "own_error", (0.5, 0.7), "rotation")
    for k, name in enumerate((*OPTIONS.models, PIXELS)):
        for data, quantities in KNOWN["quantities"].items():
            found.add(name, "features", (64, 64), data)
            for q, quantity in enumerate(quantities):
                for m, metric in enumerate(PROBE_METRICS):
                    value = (k + q + m) / 10
                    found.add(name, metric, (value, value + 0.2), where(data, quantity))
    return found


@pytest.fixture
def report(made_up_report):
    def render(shuffled):
        found = results()
        return made_up_report(
            OPTIONS, found, OPTIONS.models, ("equivariance.svg", "probes.svg"),
            table(found, KNOWN, OPTIONS), sizes=[1000, 180, 360], shuffled=shuffled, where=where,
            **KNOWN,
        )  # fmt: skip

    return render


def test_the_report(report, snapshot):
    snapshot(report(-0.01), "equivariance")


def test_a_control_that_predicts_something_is_a_warning(report):
    assert "values of that size mean nothing" in report(0.25).read_text()
