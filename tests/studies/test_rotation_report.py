"""The rotation study's report: one file, its pictures inside, its words from the numbers."""

import json
import re

import pytest

from torchcaps.data import load_dataset
from torchcaps.models import CNN, load_model
from torchcaps.models.catalogue import MODELS, Preset
from torchcaps.studies import rotation_report
from torchcaps.studies.rotation import RotationOptions, run
from torchcaps.studies.rotation_words import verdict


@pytest.fixture
def page(study, read_page):
    return read_page(study.finding.report)


def test_nothing_is_fetched_from_anywhere(study, page):
    for tag, attributes in page.tags:
        assert tag not in ("script", "link", "iframe", "object", "embed", "base")
        assert not {"href", "srcset", "onload", "onerror"} & set(attributes)
        assert attributes.get("src", "data:").startswith("data:")
    assert not re.search(r"https?://|url\(|@import", study.finding.report.read_text())


def test_the_pictures_are_the_files_beside_it(study, page):
    names = ("rotation", "reconstructions", "perturbation")
    files = [(study.folder / "figures" / f"{name}.png").read_bytes() for name in names]
    assert page.pictures() == files
    assert all(attributes["alt"] for tag, attributes in page.tags if tag == "img")


def test_the_table_is_the_findings(study, page):
    assert page.text["th"][:4] == list(study.finding.header)
    assert page.text["td"][:12] == [cell for row in study.finding.rows for cell in row]


def test_title_opening_verdict_cost_and_command(study, page):
    assert page.text["h1"] == ["Trained upright, tested turned: capsnet_small against cnn"]
    assert page.text["title"] == page.text["h1"]
    assert "capsnet_small and cnn learnt digits from 64 training images" in page.text["p"][0]
    assert "for 1 epoch. Then each was tested on all 360 test images" in page.text["p"][0]
    assert page.text["pre"] == [study.results["command"]]
    assert page.text["td"][12:14] == ["capsnet_small", "130,176"]
    mse = study.results["reconstruction_mse"]["capsnet_small"][1]
    assert f"off by {mse:.4f} a pixel in mean square" in " ".join(page.text["p"])
    assert study.results["machine"] in page.text["footer"][0]


@pytest.fixture(scope="module")
def told(study):
    """The axes of every figure, and the table that the verdict was made from."""
    axes, tables = {}, []

    def keep(figure, path):
        (axes[path.name],) = figure.axes
        return path

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rotation_report, "save_figure", keep)
        patch.setattr(
            rotation_report, "verdict", lambda table: tables.append(table) or verdict(table)
        )
        run(study.options, study.folder, True)  # it had finished: only tested again
    return axes, tables[0]


def test_the_report_says_the_verdict_of_its_own_numbers(study, page, told):
    _, table = told
    said = verdict(table)
    assert len(said) == 3
    assert [text for text in page.text["p"] if text in said] == said
    assert table.advantage() == pytest.approx(study.results["advantage"])


def test_the_figures_show_the_numbers(study, told):
    axes, table = told
    accuracy = study.results["accuracy_percent"]
    curves = axes["rotation.png"]
    assert curves.get_title(loc="left") == table.finding()
    for line in curves.lines:
        assert list(line.get_xdata()) == study.results["degrees"]
        assert list(line.get_ydata()) == pytest.approx(accuracy[line.get_label()]["mean"])
    assert {line.get_label() for line in curves.lines} == {*accuracy}
    labels = [text.get_text() for text in axes["perturbation.png"].get_xticklabels()]
    assert (labels[0], labels[5], labels[10]) == ("-0.25", "0", "+0.25")
    assert len(axes["perturbation.png"].get_yticks()) == 16


def test_the_classes_under_the_drawings_are_what_the_model_says(study, told):
    test_set = load_dataset("digits", "test")
    firsts = [int((test_set.labels == label).nonzero()[0]) for label in range(10)]
    model = load_model(study.folder / "models" / "capsnet_small-0")
    said = model(test_set.batch(firsts)[0]).scores.argmax(-1).tolist()
    labels = told[0]["reconstructions.png"].get_xticklabels()
    assert [text.get_text() for text in labels] == [str(k) for k in said]


def test_three_models_of_which_the_first_draws_nothing(tmp_path, read_page, monkeypatch):
    monkeypatch.setitem(MODELS._entries, "narrow", Preset(CNN, {"hidden": 4}))
    options = RotationOptions(
        model="cnn",
        beside=("narrow", "capsnet_small"),
        seeds=1,
        epochs=1,
        train_images=64,
        angles=(30,),
    )
    finding = run(options, tmp_path, True)
    page = read_page(finding.report)
    names = ["cnn", "narrow", "capsnet_small"]
    assert page.text["th"][:5] == ["rotation", *names, "advantage"]
    assert page.text["h1"][0].endswith(": cnn against narrow against capsnet_small")
    assert "One seed: no spread can be given." in page.text["p"][0]
    assert page.text["h2"] == ["What it cost", "Run it again"]
    assert len(page.pictures()) == 1
    assert [p.name for p in (tmp_path / "figures").iterdir()] == ["rotation.png"]
    said = json.loads((tmp_path / "results.json").read_text())
    means = [said["accuracy_percent"][name]["mean"][0] for name in names]
    assert said["advantage"] == [means[0] - means[1]]
    assert [float(cell.split()[0]) for cell in page.text["td"][1:5]] == pytest.approx(
        [*means, means[0] - means[1]], abs=0.006
    )
