"""A whole detection study: its files, its numbers, its report, and how it goes on."""

import json
import re
import shlex
from statistics import mean
from types import SimpleNamespace

import pytest

from torchcaps.analysis.robustness.attacks import pgd, reconstructive
from torchcaps.analysis.robustness.detection import measure_detection
from torchcaps.analysis.robustness.out_of_distribution import out_of_distribution
from torchcaps.cli.parser import make_parser, parse
from torchcaps.data import load_dataset
from torchcaps.models import load_model
from torchcaps.studies import STUDIES, detection_report
from torchcaps.studies.detection import DetectionOptions, run
from torchcaps.studies.detection_words import finding, pictures_finding, success_finding, verdict
from torchcaps.training.loop import _Loop

OPTIONS = DetectionOptions(
    beside=("cnn",), seeds=2, epochs=3, train_images=300, batch_size=32, images=30,
    steps=3, starts=2, epsilon=0.25, false_alarms=0.1,
)  # fmt: skip
ATTACK = {"steps": 3, "starts": 2}


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """The study run, then run again for the figures and the table that its report was made of."""
    folder = tmp_path_factory.mktemp("detection")
    finding = run(OPTIONS, folder, True)
    results = json.loads((folder / "results.json").read_text())
    figures, told = {}, SimpleNamespace()
    plain = detection_report.save_figure

    def listen(table):
        told.table = table
        return verdict(table)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_Loop, "step", lambda *_: pytest.fail("trained again"))
        patch.setattr(
            detection_report,
            "save_figure",
            lambda figure, path: figures.update({path.stem: figure}) or plain(figure, path),
        )
        patch.setattr(detection_report, "verdict", listen)
        run(OPTIONS, folder, True)
    again = json.loads((folder / "results.json").read_text())
    assert again == results, "a finished study is neither trained nor measured otherwise again"
    return SimpleNamespace(
        folder=folder, finding=finding, results=results, figures=figures, table=told.table
    )


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
        ("made on cnn", 0.25): pgd(cnn, images, labels, 0.25, seed=seed, **ATTACK),
    }
    strange = out_of_distribution(test_set, 30)
    wanted = measure_detection(model, validation, images, labels, attacked, strange)
    said = {key: values[seed] for key, values in done.results["seeds"]["capsnet_small"].items()}
    assert said["accuracy"] == pytest.approx(100 * wanted.accuracy())
    assert said["PGD 0.125: success"] == pytest.approx(100 * wanted.success(("PGD", 0.125)))
    for attack in ("reconstructive", "made on cnn"):
        for alarm in ("reconstruction", "score"):
            rate = wanted.undetected((attack, 0.25), alarm, 0.1)
            key = f"{attack} 0.25: {alarm}"
            assert said[f"{key}: undetected"] == pytest.approx(100 * rate)
            area = wanted.attack_auroc((attack, 0.25), alarm)
            assert said[f"{key}: AUROC"] == pytest.approx(area, abs=1e-6)
    for kind in strange:
        area = wanted.strange_auroc(kind, "score")
        assert said[f"{kind}: score: AUROC"] == pytest.approx(area, abs=1e-6)
    assert "made on cnn 0.25: success" not in done.results["seeds"]["cnn"]


def test_rates_along_the_figure_are_there_for_every_alarm(done):
    rates = done.results["undetected_by_rate"]
    for name, alarms in (("capsnet_small", ("reconstruction", "score")), ("cnn", ("score",))):
        for alarm in alarms:
            found = rates[f"{name}: PGD: {alarm}"]
            assert len(found) == len(done.results["false_alarm_rates"]) == 21
            at_ten = done.results["seeds"][name][f"PGD 0.25: {alarm}: undetected"]
            assert found[10] == pytest.approx(at_ten)
            for seed in (0, 1):
                shares = [each[seed] for each in found]
                assert shares == sorted(shares, reverse=True)


def test_the_report_tells_these_numbers_and_fetches_nothing(done, read_page):
    page = read_page(done.finding.report)
    said = verdict(done.table)
    assert [text for text in page.text["p"] if text in said] == said
    cells = [cell for row in done.finding.rows for cell in row]
    assert page.text["td"][: len(cells)] == cells
    assert cells[2].startswith(f"{mean(done.table.success('capsnet_small', 'FGSM')):.1f} ±")
    assert page.text["pre"] == [OPTIONS.command()]
    assert page.pictures() == [
        (done.folder / "figures" / f"{name}.png").read_bytes()
        for name in ("undetected", "success", "drawings")
    ]
    assert not re.search(r"https?://|url\(|@import|<script", done.finding.report.read_text())
    assert (done.folder / "table.csv").read_text() == done.table.csv()


def test_the_figures_draw_the_numbers(done):
    table, figures = done.table, done.figures
    assert figures["undetected"].get_suptitle() == finding(table)
    assert figures["success"].get_suptitle() == success_finding(table)
    (axes,) = figures["success"].axes
    line = {line.get_label(): line for line in axes.lines}["PGD on cnn"]
    assert list(line.get_xdata()) == [0.0625, 0.125, 0.1875, 0.25, 0.375]
    assert line.get_ydata()[3] == pytest.approx(mean(table.success("cnn", "PGD")))


def test_the_drawings_are_framed_above_the_threshold(done):
    (axes,) = done.figures["drawings"].axes
    limit = done.table.detections["capsnet_small"][0].threshold("reconstruction", 0.1)
    assert f"framed: above {limit:.3f}" in axes.get_xlabel()
    rows = [text.get_text() for text in axes.get_yticklabels()]
    assert rows == [
        "clean", "PGD", "reconstructive", "faces", "mirror images", "shuffled pixels", "noise",
    ]  # fmt: skip
    assert len(axes.texts) == 5 * len(rows)
    framed = [text.get_bbox_patch() is not None for text in axes.texts]
    errors = [float(text.get_text().split()[-1]) for text in axes.texts]
    assert framed == [error > round(limit, 3) for error in errors]
    by_row = {name: framed[5 * k : 5 * k + 5] for k, name in enumerate(rows)}
    assert axes.get_title(loc="left") == pictures_finding(by_row)
    assert any(framed)
    assert not all(framed)


REFUSED = {
    "no decoder": (
        {"model": "cnn", "beside": ("pooled_cnn",)},
        "detection study, model: expected capsules and a decoder; got cnn, which lacks them; take "
        "a capsnet with decoder 'mlp' or 'conv'",
    ),
    "large": ({"epsilon": 0.7}, "detection study, epsilon: expected above 0 and up to 0.67"),
    "none": ({"epsilon": 0.0}, "detection study, epsilon: expected above 0"),
    "share": ({"false_alarms": 5.0}, "detection study, false_alarms: expected a share from 0"),
    "steps": ({"steps": 0}, "detection study, steps: expected at least 1; got 0; take 20"),
    "starts": ({"starts": 0}, "detection study, starts: expected at least 1; got 0; take 5"),
    "images": ({"images": 0}, "detection study, images: expected at least 1; got 0; take 500"),
    "seeds": ({"seeds": 0}, "detection study, seeds: expected at least 1; got 0"),
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
    parser = make_parser("study detection", "a study", "", "")
    parser.add_class_arguments(DetectionOptions, None)
    assert DetectionOptions(**vars(parse(parser, words[3:]))) == options


@pytest.mark.parametrize("epsilon", [0.1, 1 / 3, 0.1234567])
def test_the_epsilon_that_is_told_of_is_among_those_that_are_tried(epsilon):
    options = DetectionOptions(epsilon=epsilon)
    assert epsilon in options.epsilons
    assert len(options.epsilons) == 5
    assert max(options.epsilons) <= 1
