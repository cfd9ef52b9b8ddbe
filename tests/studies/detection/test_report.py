"""The detection study's report of results made up here."""

import pytest

from torchcaps.studies.detection.study import DetectionOptions, table
from torchcaps.studies.results import Results

OPTIONS = DetectionOptions(seeds=2, train_images=300, epochs=1, images=100, starts=1)
KINDS = ["faces", "noise"]
NAN = float("nan")


def results(transferred=30.0):
    """Capsules hold out best; the third model's attacks succeed in one seed alone."""
    found = Results()
    for k, name in enumerate(OPTIONS.models):
        own = ["FGSM", "PGD", *(["reconstructive"] if k == 0 else [])]
        attacks = own if k == 1 else [*own, "PGD from cnn"]
        detectors = ["reconstruction", "score"] if k == 0 else ["score"]
        found.add(name, "accuracy", (98.2, 98.8) if k < 2 else (60.2, 61.8))
        for attack in attacks:
            share = transferred if "from" in attack else 50.0 + 10 * k
            for epsilon in (0.1, 0.2):
                values = (share - 5, share + 5)
                found.add(name, "success_rate", values, f"{attack}, {epsilon:g}")
        for d, detector in enumerate(detectors):
            found.add(name, "threshold", (0.24, 0.5), detector)
            found.add(name, "false_positive_rate", (4.0, 5.2), detector)
            for a, attack in enumerate(attacks):
                values = (10.0 * a + d, 10.0 * a + d + 4)
                found.add(name, "undetected_rate", values, f"{attack}, {detector}, 0.05")
                area = (0.75, NAN) if k == 2 else (0.75, 0.85)
                found.add(name, "auroc", area, f"{attack}, {detector}")
            for kind in KINDS:
                found.add(name, "auroc", (0.94, 1.0), f"{kind}, {detector}")
    return found


@pytest.fixture
def report(made_up_report):
    def render(found):
        figures = ("undetected.svg", "success.svg", "reconstructions.png")
        return made_up_report(
            OPTIONS, found, OPTIONS.models, figures, table(found, OPTIONS),
            validation_images=180, test_images=100, kinds=KINDS,
        )  # fmt: skip

    return render


def test_the_report(report, snapshot):
    snapshot(report(results()), "detection")


def test_a_transferred_attack_that_succeeds_more_often_is_a_warning(report):
    warning = "its own gradients mislead an attacker"
    assert warning not in report(results()).read_text()
    assert warning in report(results(transferred=90.0)).read_text()
