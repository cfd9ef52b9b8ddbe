"""A whole equivariance study: its numbers are those of its networks."""

import re
import shlex
from dataclasses import fields
from types import SimpleNamespace

import pytest
import torch
from rich.progress import Progress

from torchcaps.analysis.representation.equivariance_error import equivariance_errors
from torchcaps.analysis.representation.linear_equivariance import measure_linear_equivariance
from torchcaps.analysis.representation.probes import measure_pixels, measure_probes
from torchcaps.analysis.representation.ridge import Splits
from torchcaps.cli.options import read
from torchcaps.data import faces
from torchcaps.data.transforms import rotate
from torchcaps.models import EquivariantCapsNet, load_model
from torchcaps.studies.equivariance import measure
from torchcaps.studies.equivariance.measure import (
    DRAWN,
    LAYER_METRICS,
    PIXELS,
    PROBE_METRICS,
    add_layers,
    drawn_targets,
    load_splits,
    targets_of,
    transforms,
    where,
)
from torchcaps.studies.equivariance.study import EquivarianceOptions, run
from torchcaps.studies.results import Results
from torchcaps.training import Recipe, evaluate
from torchcaps.training.loop import _Loop

OPTIONS = EquivarianceOptions(
    beside=("cnn",),
    seeds=2,
    epochs=1,
    train_images=64,
    batch_size=32,
    images=90,
    faces_images=32,
    faces_epochs=1,
)


@pytest.fixture(scope="module", autouse=True)
def few():
    """Fewer drawings and moves than the study takes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(faces, "_SPLITS", {"train": (0, 60), "validation": (60, 90)})
        patch.setattr(measure, "_DRAWN", (60, 30, 45))
        patch.setattr(measure, "_TIMES", 2)
        yield


@pytest.fixture(scope="module")
def done(tmp_path_factory, few):
    folder = tmp_path_factory.mktemp("equivariance")
    finding = run(OPTIONS, folder, True)
    results = Results.from_json((folder / "results.json").read_text())
    return SimpleNamespace(folder=folder, finding=finding, results=results)


@pytest.fixture(scope="module")
def datasets():
    return load_splits(OPTIONS.recipe("cnn", 0), 90)


def saved(folder, name, seed):
    return load_model(folder / "models" / f"{name}-{seed}")


@pytest.mark.parametrize("name", ["capsnet_small", "cnn"])
def test_the_layers_are_those_of_the_saved_networks(done, datasets, name):
    model = saved(done.folder, name, 1)
    again = measure_linear_equivariance(model, datasets, transforms(8))
    for layer, by in again.items():
        for transform, found in by.items():
            for metric in LAYER_METRICS:
                value = done.results.values(name, metric, where(layer, transform))[1]
                assert value == pytest.approx(getattr(found, metric), rel=1e-5), (layer, metric)
    accuracy = evaluate(model, datasets.test, model.make_loss()).accuracy
    assert done.results.values(name, "accuracy", "digits")[1] == pytest.approx(100 * accuracy)


def test_a_network_with_a_map_of_its_own_is_measured_with_it(done, datasets):
    torch.manual_seed(0)
    model = EquivariantCapsNet((1, 8, 8), 10, n=4, channels=(2, 2), types=2)
    few = Splits(*(part.first(40) for part in datasets))
    results = Results()
    with Progress(disable=True) as progress:
        models = {"equivariant_capsnet": [model.train()], "cnn": [saved(done.folder, "cnn", 0)]}
        add_layers(results, models, few, progress)
    assert model.training, "a model stays in the mode that it was in"
    images, _ = few.test.batch(range(40))
    wanted = equivariance_errors(model.eval(), images, rotate(images, 30.0), 30.0)["poses"]
    assert results.names("model", metric="own_error") == ["equivariant_capsnet"]
    found = results.mean("equivariant_capsnet", "own_error", "rotation")
    assert found == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize("name", ["capsnet_small", "cnn"])
def test_the_probes_are_those_of_the_saved_networks(done, datasets, name):
    for data, folder, targets in (
        ("moved digits", done.folder, targets_of(datasets)),
        (DRAWN, done.folder / "faces", drawn_targets()),
    ):
        again = measure_probes(saved(folder, name, 0), targets, width=16)
        for metric in PROBE_METRICS:
            for quantity, value in getattr(again, metric).items():
                found = done.results.values(name, metric, where(data, quantity))[0]
                assert found == pytest.approx(value, abs=1e-4), (data, metric, quantity)
        assert done.results.mean(name, "features", data) == again.numbers
        pixels = measure_pixels(targets, width=16)
        for quantity, value in pixels.equal.items():
            assert done.results.mean(PIXELS, "equal", where(data, quantity)) == pytest.approx(value)


def test_no_image_is_probed_in_a_pose_that_was_fitted(datasets):
    for targets in (targets_of(datasets), drawn_targets()):
        angles = [set(part.quantities["rotation"].tolist()) for part in targets]
        assert sum(map(len, angles)) == len(set.union(*angles))


def test_the_networks_of_faces_are_trained_as_the_faces_study_trains_them(done):
    recipe = Recipe.load(done.folder / "faces" / "models" / "cnn-1" / "config.yaml")
    assert (recipe.data, recipe.data_options) == ("faces", {"missing": 0.75})
    assert (recipe.train_images, recipe.epochs, recipe.seed) == (32, 1, 1)
    model = saved(done.folder / "faces", "cnn", 1)
    seen = drawn_targets().test
    with torch.no_grad():
        accuracy = (model(seen.images).scores.argmax(-1) == seen.labels).float().mean().item()
    assert done.results.values("cnn", "accuracy", DRAWN)[1] == pytest.approx(100 * accuracy)
    digits = Recipe.load(done.folder / "models" / "cnn-1" / "config.yaml")
    assert digits == OPTIONS.recipe("cnn", 1)
    assert digits.shift == 0, "no image is moved in training"


def test_a_finished_study_gives_the_same_files_again(done, monkeypatch):
    before = (done.folder / "results.json").read_text()
    monkeypatch.setattr(_Loop, "step", lambda *_: pytest.fail("trained again"))
    run(OPTIONS, done.folder, True)
    again = Results.from_json((done.folder / "results.json").read_text())
    for row, old in zip(again.rows, Results.from_json(before).rows, strict=True):
        assert row[:-1] == old[:-1]
        assert row.value == pytest.approx(old.value, abs=1e-6, nan_ok=True)
    assert {path.name for path in (done.folder / "figures").iterdir()} == {
        "equivariance.svg", "probes.svg",
    }  # fmt: skip


def test_the_report_shows_every_model_layer_and_quantity(done, read_page):
    page = read_page(done.finding.report)
    cells = [*page.text["th"], *page.text["td"]]
    for wanted in ("capsnet_small", "cnn", "pixels", "primary capsules", "rotation", "thickness"):
        assert wanted in cells
    assert page.text["pre"] == [OPTIONS.command()]
    assert len(page.pictures()) == 2


REFUSED = {
    "no images": ({"images": 0}, "equivariance study, images: expected a whole number, at least"),
    "few images": ({"images": 3}, "equivariance study, images: expected images of every class in"),
    "seeds": ({"seeds": 0}, "equivariance study, seeds: expected a whole number, at least 1"),
    "rival": ({"beside": ("cn",)}, "unknown model 'cn'; known: "),
    "data": ({"data": "digitz"}, "unknown dataset 'digitz'"),
    "too large": ({"beside": ("capsnet",)}, "CapsNet stem, kernel_size: expected at most"),
    "faces epochs": ({"faces_epochs": 0}, "Recipe, epochs: expected a whole number, at least 1"),
    "faces images": ({"faces_images": 9999}, "expected 1 to 60, the images in split 'train'"),
}


@pytest.mark.parametrize(("options", "text"), REFUSED.values(), ids=REFUSED)
def test_bad_options_are_refused_before_a_step_is_taken(options, text):
    with pytest.raises(ValueError, match=re.escape(text)):
        EquivarianceOptions(**{"faces_images": 32, **options}).check()


@pytest.mark.parametrize(
    "options",
    [EquivarianceOptions(), OPTIONS, EquivarianceOptions(model="cnn", data="mnist", lr=3e-5)],
)
def test_the_command_gives_the_options_back(options):
    words = shlex.split(options.command())
    assert words[:3] == ["torchcaps", "study", "equivariance"]
    parsed = vars(read("study", words[2:]))
    known = {field.name: parsed[field.name] for field in fields(options)}
    assert EquivarianceOptions(**known) == options
