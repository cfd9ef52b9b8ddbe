"""A whole detection study: its numbers are those of its networks, and how it goes on."""

import re
import shlex
from dataclasses import fields
from types import SimpleNamespace

import pytest
import torch

from torchcaps.analysis.robustness.attacks import pgd, reconstructive
from torchcaps.analysis.robustness.detection import measure_detection
from torchcaps.analysis.robustness.out_of_distribution import out_of_distribution
from torchcaps.cli.options import read
from torchcaps.data import load_dataset
from torchcaps.models import load_model
from torchcaps.studies import STUDIES
from torchcaps.studies.detection.measure import RATES
from torchcaps.studies.detection.study import (
    DetectionOptions,
    pictures_figure,
    run,
    success_figure,
)
from torchcaps.studies.results import Results
from torchcaps.training.loop import _Loop

OPTIONS = DetectionOptions(
    beside=("cnn",), seeds=2, epochs=3, train_images=300, batch_size=32, images=30,
    steps=3, starts=2, epsilon=0.25, false_positive_rate=0.1,
)  # fmt: skip
ATTACK = {"steps": 3, "starts": 2}
MOVED = "PGD from cnn"


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    folder = tmp_path_factory.mktemp("detection")
    finding = run(OPTIONS, folder, True)
    results = Results.from_json((folder / "results.json").read_text())
    return SimpleNamespace(folder=folder, finding=finding, results=results)


@pytest.mark.parametrize("seed", [0, 1])
def test_the_numbers_are_those_of_the_saved_models(done, seed):
    validation, test_set = (load_dataset("digits", split) for split in ("validation", "test"))
    images, labels = test_set.batch(range(30))
    model, cnn = (
        load_model(done.folder / "models" / f"{name}-{seed}") for name in ("capsnet_small", "cnn")
    )
    attacked = {
        ("PGD", 0.125): pgd(model, images, labels, 0.125, seed=seed, **ATTACK),
        ("reconstructive", 0.25): reconstructive(model, images, labels, 0.25, seed=seed, **ATTACK),
        (MOVED, 0.25): pgd(cnn, images, labels, 0.25, seed=seed, **ATTACK),
    }
    others = out_of_distribution(test_set, 30)
    wanted = measure_detection(model, validation, images, labels, attacked, others)

    def value(metric, condition=""):
        return done.results.values("capsnet_small", metric, condition)[seed]

    assert value("accuracy") == pytest.approx(100 * wanted.accuracy())
    success = 100 * wanted.success_rate(("PGD", 0.125))
    assert value("success_rate", "PGD, 0.125") == pytest.approx(success)
    for detector in ("reconstruction", "score"):
        for attack in ("reconstructive", MOVED):
            rate = 100 * wanted.undetected_rate((attack, 0.25), detector, 0.1)
            assert value("undetected_rate", f"{attack}, {detector}, 0.1") == pytest.approx(rate)
            area = wanted.attack_auroc((attack, 0.25), detector)
            found = value("auroc", f"{attack}, {detector}")
            assert found == pytest.approx(area, abs=1e-6, nan_ok=True)
        flagged = 100 * wanted.false_positive_rate(detector, 0.1)
        assert value("false_positive_rate", detector) == pytest.approx(flagged)
        assert value("threshold", detector) == pytest.approx(wanted.threshold(detector, 0.1))
        for kind in others:
            area = wanted.out_of_distribution_auroc(kind, detector)
            assert value("auroc", f"{kind}, {detector}") == pytest.approx(area, abs=1e-6)
    assert not done.results.values("cnn", "success_rate", f"{MOVED}, 0.25")


def test_undetected_rates_fall_along_the_figure_for_every_detector(done):
    for name, detectors in (("capsnet_small", ("reconstruction", "score")), ("cnn", ("score",))):
        assert done.results.names("condition", model=name, metric="threshold") == [*detectors]
        for detector in detectors:
            for seed in (0, 1):
                conditions = [f"PGD, {detector}, {rate:g}" for rate in RATES]
                rates = [
                    done.results.values(name, "undetected_rate", condition)[seed]
                    for condition in conditions
                ]
                assert rates == sorted(rates, reverse=True)


def test_a_finished_study_gives_the_same_again(done, monkeypatch):
    monkeypatch.setattr(_Loop, "step", lambda *_: pytest.fail("trained again"))
    run(OPTIONS, done.folder, True)
    again = Results.from_json((done.folder / "results.json").read_text())
    for row, old in zip(again.rows, done.results.rows, strict=True):
        assert row[:-1] == old[:-1]
        assert row.value == pytest.approx(old.value, abs=1e-6, nan_ok=True)
    assert {path.name for path in (done.folder / "figures").iterdir()} == {
        "undetected.svg", "success.svg", "reconstructions.png",
    }  # fmt: skip


def test_the_report_has_a_row_for_every_attack_and_detector(done, read_page):
    page = read_page(done.finding.report)
    cells = [*page.text["th"], *page.text["td"]]
    for wanted in ("FGSM", "PGD", "reconstructive", MOVED, "reconstruction", "score", "noise"):
        assert wanted in cells
    assert [row[:2] for row in done.finding.rows] == [
        ["capsnet_small", "FGSM"], ["capsnet_small", "PGD"], ["capsnet_small", "reconstructive"],
        ["capsnet_small", MOVED], ["cnn", "FGSM"], ["cnn", "PGD"],
    ]  # fmt: skip
    assert page.text["pre"] == [OPTIONS.command()]
    assert len(page.pictures()) == 3


def test_the_figure_of_success_draws_the_numbers(done):
    (axes,) = success_figure(done.results, OPTIONS).axes
    line = {line.get_label(): line for line in axes.lines}["PGD on cnn"]
    x, y = map(torch.as_tensor, line.get_data())
    assert x.tolist() == [0.0625, 0.125, 0.1875, 0.25, 0.375]
    assert float(y[3]) == pytest.approx(done.results.mean("cnn", "success_rate", "PGD, 0.25"))


def test_pictures_are_framed_above_the_threshold(done):
    model = load_model(done.folder / "models" / "capsnet_small-0")
    images, _ = load_dataset("digits", "test").batch(range(5))
    rows = {"clean": images, "empty": 0 * images}
    (axes,) = pictures_figure(done.results, model, rows).axes
    limit = done.results.values("capsnet_small", "threshold", "reconstruction")[0]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["clean", "empty"]
    for text in axes.texts:
        error = float(text.get_text().split()[-1])
        assert (text.get_bbox_patch() is not None) == (error > round(limit, 3))


REFUSED = {
    "no decoder": (
        {"model": "cnn", "beside": ("pooled_cnn",)},
        "detection study, model: expected capsules and a decoder; got cnn, which has none; take "
        "a capsnet with decoder 'mlp' or 'conv'",
    ),
    "large": ({"epsilon": 0.7}, "detection study, epsilon: expected above 0 and up to 0.67"),
    "none": ({"epsilon": 0.0}, "detection study, epsilon: expected above 0"),
    "share": (
        {"false_positive_rate": 5.0},
        "detection study, false_positive_rate: expected a share from 0",
    ),
    "steps": ({"steps": 0}, "detection study, steps: expected a whole number, at least"),
    "starts": ({"starts": 0}, "detection study, starts: expected a whole number, at least"),
    "images": ({"images": 0}, "detection study, images: expected a whole number, at least"),
    "seeds": ({"seeds": 0}, "detection study, seeds: expected a whole number, at least 1; got 0"),
    "alone": ({"beside": ("capsnet_small",)}, "expected another model than capsnet_small"),
    "too many": ({"train_images": 9999}, "digits.sample, n: expected 1 to 1257"),
}


@pytest.mark.parametrize(("options", "text"), REFUSED.values(), ids=REFUSED)
def test_bad_options_are_refused_before_a_step_is_taken(options, text):
    with pytest.raises(ValueError, match=re.escape(text)):
        STUDIES["detection"].check(DetectionOptions(**options))


@pytest.mark.parametrize("options", [DetectionOptions(), OPTIONS])
def test_the_command_gives_the_options_back(options):
    words = shlex.split(options.command())
    assert words[:3] == ["torchcaps", "study", "detection"]
    parsed = vars(read("study", words[2:]))
    assert (
        DetectionOptions(**{field.name: parsed[field.name] for field in fields(options)}) == options
    )


@pytest.mark.parametrize("epsilon", [0.1, 1 / 3, 0.1234567])
def test_the_epsilon_of_the_table_is_among_those_that_are_tried(epsilon):
    options = DetectionOptions(epsilon=epsilon)
    assert epsilon in options.epsilons
    assert len(options.epsilons) == 5
    assert max(options.epsilons) <= 1
