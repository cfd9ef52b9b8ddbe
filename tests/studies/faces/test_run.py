"""A tiny faces study: its numbers are those of its saved models."""

import json
from statistics import mean
from types import SimpleNamespace

import pytest
import torch

from torchcaps.analysis.representation.scrambled import measure_scrambled
from torchcaps.data import faces as drawings
from torchcaps.data.faces import SCRAMBLED, draw
from torchcaps.models import load_model
from torchcaps.studies.faces.study import SEED, FacesOptions, faces_figure, run
from torchcaps.studies.results import Results
from torchcaps.training import Recipe

MODELS = ("capsnet_small", "pooled_cnn")
OPTIONS = FacesOptions(beside=MODELS[1:], seeds=2, train_images=64, epochs=1, faces=8, missing=0.5)
KINDS = ("face", *SCRAMBLED)


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """Tested on the first 60 of the 3,000 test images."""
    folder = tmp_path_factory.mktemp("faces")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(drawings._SPLITS, "test", (6600, 6660))
        finding = run(OPTIONS, folder, True, "cpu")
        test_set = OPTIONS.recipe("cnn", 0).load_data("test")
        images, labels = test_set.batch(range(60))
    text = (folder / "results.json").read_text()
    return SimpleNamespace(
        folder=folder, finding=finding, text=text, results=Results.from_json(text),
        images=images, labels=labels,
    )  # fmt: skip


def evidence(model, images):
    """Of "face", the first class: the length of a capsule, or the logarithm of a probability."""
    with torch.no_grad():
        out = model.eval()(images)
    scores = out.scores.double()
    return scores.argmax(-1) == 0, (scores.log_softmax(-1) if out.poses is None else scores)[:, 0]


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("seed", [0, 1])
def test_the_numbers_are_those_of_the_saved_models(done, name, seed):
    model = load_model(done.folder / "models" / f"{name}-{seed}")
    assert model.classes == ("face", "house", "car")
    found = {kind: evidence(model, draw(8, (kind,), seed=SEED).images) for kind in KINDS}

    def value(metric, condition=""):
        return done.results.values(name, metric, condition)[seed]

    with torch.no_grad():
        correct = model(done.images).scores.argmax(-1) == done.labels
    assert value("accuracy") == pytest.approx(100 * correct.double().mean().item(), abs=1e-6)
    shares = {
        kind: 100 * predicted.double().mean().item() for kind, (predicted, _) in found.items()
    }
    for kind in KINDS:
        assert value("classified_as_face", kind) == pytest.approx(shares[kind])
    assert value("classified_as_face", "scrambled") == pytest.approx(
        mean(shares[kind] for kind in SCRAMBLED)
    )
    faces = found["face"][1][:, None]
    above = {kind: (faces > found[kind][1]).double().mean().item() for kind in SCRAMBLED}
    for kind in SCRAMBLED:
        assert value("auroc", kind) == pytest.approx(above[kind], abs=1e-6)
    assert value("auroc", "scrambled") == pytest.approx(mean(above.values()), abs=1e-6)


def test_the_auroc_of_capsules_is_that_of_their_own_scores(done):
    capsules, logits = (
        [done.results.values(name, metric, "scrambled") for metric in ("auroc", "auroc_of_scores")]
        for name in MODELS
    )
    assert capsules[0] == capsules[1]
    assert logits[0] != logits[1]


def test_no_model_is_trained_on_a_scrambled_face(done):
    for name in MODELS:
        recipe = Recipe.load(done.folder / "models" / f"{name}-1" / "config.yaml")
        assert recipe == OPTIONS.recipe(name, 1)
        assert (recipe.data, recipe.data_options) == ("faces", {"missing": 0.5})


def test_the_files_are_complete_and_agree(done):
    about = json.loads(done.text)
    assert about["study"] == "faces"
    assert about["command"] == OPTIONS.command()
    assert "--missing 0.5" in about["command"]
    assert list(about["models"]) == list(MODELS)
    assert (done.folder / "table.csv").read_text() == done.results.csv()
    assert [path.name for path in (done.folder / "figures").iterdir()] == ["faces.png"]
    assert done.finding.report == done.folder / "report.html"
    assert [row[0] for row in done.finding.rows] == list(MODELS)
    assert done.finding.rows[0][1] == done.results.cell(
        "capsnet_small", "accuracy", digits=1, unit=" %"
    )


def test_the_figure_shows_the_first_six_faces_with_the_confidence_of_seed_0(done):
    images = {kind: draw(8, (kind,), seed=SEED).images for kind in KINDS}
    twins = {kind: images[kind] for kind in SCRAMBLED}
    tests = {
        name: measure_scrambled(
            load_model(done.folder / "models" / f"{name}-0"), images["face"], twins
        )
        for name in MODELS
    }
    (axes,) = faces_figure(tests, images).axes
    wanted = []
    for test in tests.values():
        for scores in (test.faces, *(test.twins[kind] for kind in SCRAMBLED)):
            wanted += scores.confidence[:6].tolist()
    assert [float(text.get_text()) for text in axes.texts] == pytest.approx(wanted, abs=0.0051)
    assert len(axes.get_images()) == 6 * 4
