"""A whole faces study: its files, its numbers, its report, and how it goes on."""

import csv
import json
from statistics import mean, stdev
from types import SimpleNamespace

import pytest

from torchcaps.analysis.representation.scrambled import measure_twins
from torchcaps.data import load_dataset
from torchcaps.data.faces import SCRAMBLED, draw
from torchcaps.models import load_model
from torchcaps.studies import STUDIES, faces_report
from torchcaps.studies.faces import _SEED, FacesOptions, run
from torchcaps.studies.faces_words import verdict
from torchcaps.training import Recipe, evaluate

MODELS = ("capsnet_small", "pooled_cnn")
OPTIONS = FacesOptions(beside=MODELS[1:], seeds=2, train_images=128, epochs=1, faces=8, missing=0.5)


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    """The study run, then run again for the axes and the table that its report was made of."""
    folder = tmp_path_factory.mktemp("faces")
    finding = run(OPTIONS, folder, True)
    results = json.loads((folder / "results.json").read_text())
    stamps = {p: p.stat().st_mtime_ns for p in folder.glob("models/*/model.safetensors")}
    told = SimpleNamespace()

    def keep(figure, path):
        (told.axes,) = figure.axes
        return path

    def listen(table):
        told.table = table
        return verdict(table)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(faces_report, "save_figure", keep)
        patch.setattr(faces_report, "verdict", listen)
        run(OPTIONS, folder, True)
    assert stamps == {p: p.stat().st_mtime_ns for p in stamps}, (
        "finished runs are not trained again"
    )
    return SimpleNamespace(folder=folder, finding=finding, results=results, told=told)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("seed", [0, 1])
def test_the_numbers_are_those_of_the_saved_models(faces, name, seed):
    model = load_model(faces.folder / "models" / f"{name}-{seed}")
    assert model.classes[0] == "face"
    said = {key: values[seed] for key, values in faces.results["seeds"][name].items()}
    test_set = load_dataset("faces", "test", missing=0.5)
    accuracy = evaluate(model, test_set, model.make_loss()).accuracy
    assert said["accuracy"] == pytest.approx(100 * accuracy, abs=1e-9)
    twins = {kind: draw(8, (kind,), seed=_SEED).images for kind in SCRAMBLED}
    again = measure_twins(model, draw(8, ("face",), seed=_SEED).images, twins)
    assert said["faces called a face"] == again.faces.share()
    assert said["scrambled called a face"] == again.share()
    assert said["AUROC"] == pytest.approx(again.auroc(), abs=1e-6)
    for kind in SCRAMBLED:
        assert said[f"{kind}: called a face"] == again.twins[kind].share()
        assert said[f"{kind}: AUROC"] == pytest.approx(again.auroc(kind), abs=1e-6)


def test_nothing_was_trained_on_a_scrambled_face(faces):
    for name in MODELS:
        recipe = Recipe.load(faces.folder / "models" / f"{name}-1" / "config.yaml")
        assert recipe == OPTIONS.recipe(name, 1)
        assert (recipe.data, recipe.data_options) == ("faces", {"missing": 0.5})
        assert recipe.load_data("train").classes == ("face", "house", "car")


def test_table_and_csv_are_the_json(faces):
    header = list(faces.finding.header)
    rows = {
        (r["model"], r["measure"]): r for r in csv.DictReader((faces.folder / "table.csv").open())
    }
    for name, row in zip(MODELS, faces.finding.rows, strict=True):
        assert row[0] == name
        for measure, values in faces.results["seeds"][name].items():
            entry = rows[name, measure]
            assert float(entry["mean"]) == pytest.approx(mean(values), abs=1e-4)
            assert float(entry["sd"]) == pytest.approx(stdev(values), abs=1e-4)
        for measure, text in zip(header[1:], row[1:], strict=True):
            wanted = mean(faces.results["seeds"][name][measure])
            assert float(text.split()[0]) == pytest.approx(wanted, abs=0.051)


def test_the_report_says_its_own_numbers(faces, read_page):
    page = read_page(faces.finding.report)
    assert page.text["h1"] == ["Trained on whole things, asked about scrambled faces"]
    said = verdict(faces.told.table)
    assert [text for text in page.text["p"] if text in said] == said
    cells = [text for row in faces.finding.rows for text in row]
    assert page.text["td"][: len(cells)] == cells
    assert page.pictures() == [(faces.folder / "figures" / "faces.png").read_bytes()]
    assert page.text["pre"] == [faces.results["command"]]
    assert "--missing 0.5" in faces.results["command"]
    assert faces.results["machine"] in page.text["footer"][0]
    for tag, attributes in page.tags:
        assert tag not in ("script", "link", "iframe")
        assert "href" not in attributes


def test_the_figure_shows_the_first_faces_and_what_the_models_of_seed_0_say(faces):
    axes, table = faces.told.axes, faces.told.table
    assert axes.get_title(loc="left") == table.finding()
    numbers = [float(text.get_text()) for text in axes.texts]
    wanted = []
    for name in MODELS:
        test = table.tests[name][0]
        for said in (test.faces, *(test.twins[kind] for kind in SCRAMBLED)):
            wanted += said.shown[:6].tolist()
    assert numbers == pytest.approx(wanted, abs=0.0051)
    assert len(axes.images) == 6 * 4


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"faces": 0}, "faces study, faces: expected at least 1; got 0; take 1000"),
        ({"seeds": 0}, "faces study, seeds: expected at least 1; got 0; take 3 or more"),
        ({"beside": ()}, "faces study, beside: expected at least one; got none"),
        ({"beside": ("cmn",)}, "unknown model 'cmn'; known: .*'cnn'"),
    ],
)
def test_bad_options_are_refused_at_once(options, text):
    with pytest.raises(ValueError, match=text):
        FacesOptions(**options)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"missing": 2.0}, "faces, missing: expected a chance from 0 to 1; got 2.0"),
        ({"train_images": 9999}, "expected 1 to 6000, the images in split 'train'; got 9999"),
    ],
)
def test_what_would_fail_later_is_found_before_a_step_is_taken(options, text):
    study = STUDIES["faces"]
    with pytest.raises(ValueError, match=text):
        study.check(study.options(**options))
