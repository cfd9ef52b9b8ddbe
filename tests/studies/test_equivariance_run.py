"""A whole equivariance study: its numbers are those of its networks, its report tells them."""

import json
import re
import shlex
from dataclasses import asdict
from types import SimpleNamespace

import pytest
import torch
from rich.progress import Progress

from torchcaps.analysis.representation.equivariance_error import equivariance_errors
from torchcaps.analysis.representation.linear_equivariance import measure_linear_equivariance
from torchcaps.analysis.representation.probes import measure_pixels, measure_probes
from torchcaps.analysis.representation.ridge import Splits
from torchcaps.cli.parser import make_parser, parse
from torchcaps.data import faces
from torchcaps.data.transforms import rotate
from torchcaps.models import EquivariantCapsNet, Model, load_model
from torchcaps.models.catalogue import MODELS, Preset
from torchcaps.studies import STUDIES, equivariance_measures, equivariance_report
from torchcaps.studies.equivariance import EquivarianceOptions, run
from torchcaps.studies.equivariance_measures import (
    load_parts,
    measure_layers,
    pose_drawn,
    pose_moved,
    transforms,
)
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
MODELS_TOLD = ("capsnet_small", "cnn")


@pytest.fixture(scope="module", autouse=True)
def few():
    """Fewer drawings and moves than the study takes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(faces, "_SPLITS", {"train": (0, 60), "validation": (60, 90)})
        patch.setattr(equivariance_measures, "_DRAWN", (60, 30, 45))
        patch.setattr(equivariance_measures, "_TIMES", 2)
        yield


@pytest.fixture(scope="module")
def done(tmp_path_factory, few):
    folder = tmp_path_factory.mktemp("equivariance")
    finding = run(OPTIONS, folder, True)
    results = json.loads((folder / "results.json").read_text())
    return SimpleNamespace(folder=folder, finding=finding, results=results)


@pytest.fixture(scope="module")
def datasets():
    return load_parts(OPTIONS.recipe("cnn", 0), 90)


def saved(folder, name, seed):
    return load_model(folder / "models" / f"{name}-{seed}")


def plain(value):
    return json.loads(json.dumps(value))


@pytest.mark.parametrize("name", ["capsnet_small", "cnn"])
def test_the_layers_are_those_of_the_saved_networks(done, datasets, name):
    model = saved(done.folder, name, 1)
    again = measure_linear_equivariance(model, datasets, transforms(8))
    said = done.results["layers"][name][1]
    assert list(said) == list(again)
    for layer, by in again.items():
        for move, found in by.items():
            assert said[layer][move] == pytest.approx(plain(asdict(found)), rel=1e-6)
    accuracy = evaluate(model, datasets.test, model.make_loss()).accuracy
    assert done.results["accuracy_percent"][name][1] == pytest.approx(100 * accuracy)


def test_a_network_with_a_rho_of_its_own_is_asked_for_it(done, datasets):
    torch.manual_seed(0)
    turning = EquivariantCapsNet((1, 8, 8), 10, n=4, channels=(2, 2), types=2)
    few = Splits(*(part.first(40) for part in datasets))
    with Progress(disable=True) as progress:
        models = {"equivariant_capsnet": [turning.train()], "cnn": [saved(done.folder, "cnn", 0)]}
        table = measure_layers(models, few, progress)
    images, _ = few.test.batch(range(40))
    wanted = equivariance_errors(turning.eval(), images, rotate(images, 30.0), 30.0)["poses"]
    assert table.own == {"equivariant_capsnet": [pytest.approx(wanted, rel=1e-5)]}
    assert done.results["own_rho"] == {}


@pytest.mark.parametrize("name", ["capsnet_small", "cnn"])
def test_the_readers_are_those_of_the_saved_networks(done, datasets, name):
    assert done.results["width"] == 16
    asked = {
        "moved digits": (done.folder, pose_moved(datasets)),
        "drawn faces": (done.folder / "faces", pose_drawn()),
    }
    assert list(done.results["probes"]) == list(asked)
    for data, (folder, posed) in asked.items():
        said = done.results["probes"][data]
        assert list(said) == [*MODELS_TOLD, "pixels"]
        again = measure_probes(saved(folder, name, 0), posed, width=16)
        for reading, values in plain(asdict(again)).items():
            assert said[name][0][reading] == pytest.approx(values, abs=1e-5), (data, reading)
        (pixels,) = said["pixels"]
        assert pixels["equal"] == pytest.approx(measure_pixels(posed, width=16).equal)


def test_no_image_is_read_in_a_pose_that_was_fitted(datasets):
    for posed in (pose_moved(datasets), pose_drawn()):
        angles = [set(part.quantities["rotation"].tolist()) for part in posed]
        assert sum(map(len, angles)) == len(set.union(*angles))


def test_the_faces_were_learnt_as_the_faces_study_teaches_them(done):
    recipe = Recipe.load(done.folder / "faces" / "models" / "cnn-1" / "config.yaml")
    assert (recipe.data, recipe.data_options) == ("faces", {"missing": 0.75})
    assert (recipe.train_images, recipe.epochs, recipe.seed) == (32, 1, 1)
    model = saved(done.folder / "faces", "cnn", 1)
    seen = pose_drawn().test
    with torch.no_grad():
        accuracy = (model(seen.images).scores.argmax(-1) == seen.labels).float().mean().item()
    assert done.results["faces_accuracy_percent"]["cnn"][1] == pytest.approx(100 * accuracy)
    digits = Recipe.load(done.folder / "models" / "cnn-1" / "config.yaml")
    assert digits == OPTIONS.recipe("cnn", 1)
    assert digits.shift == 0, "no image was moved in training"


def test_the_folder_and_the_settings(done):
    figures = {path.name for path in (done.folder / "figures").iterdir()}
    assert figures == {"equivariance.png", "probes.png"}
    assert done.results["settings"]["images"] == 90
    assert done.results["images"] == {"train": 64, "validation": 90, "test": 90}
    assert done.results["command"] == OPTIONS.command()
    assert done.results["parameters"]["capsnet_small"] == 130176
    assert "torch " in done.results["machine"]
    lines = (done.folder / "table.csv").read_text().splitlines()
    assert lines[0] == "model,where,what,measure,mean,sd"
    assert len({line.rsplit(",", 2)[0] for line in lines}) == len(lines)


def test_the_report_tells_these_numbers_and_fetches_nothing(done, read_page, monkeypatch):
    told, drawn = [], {}
    keep = equivariance_report.save_figure
    for name in ("verdict", "probes_verdict"):
        words = getattr(equivariance_report, name)
        monkeypatch.setattr(
            equivariance_report,
            name,
            lambda table, words=words: told.append((table, words(table))) or words(table),
        )
    monkeypatch.setattr(
        equivariance_report,
        "save_figure",
        lambda figure, path: drawn.update({path.name: figure}) or keep(figure, path),
    )
    monkeypatch.setattr(_Loop, "step", lambda *_: pytest.fail("trained again"))
    run(OPTIONS, done.folder, True)
    again = json.loads((done.folder / "results.json").read_text())
    assert again == done.results, "a finished study says the same again"
    page = read_page(done.finding.report)
    (table, on_layers), (probes, on_readers) = told
    said = [*on_layers, *on_readers]
    assert [text for text in page.text["p"] if text in said] == said
    cells = [cell for row in done.finding.rows for cell in row]
    assert page.text["td"][: len(cells)] == cells
    layer_cells = [cell for row in table.rows("error") for cell in row]
    assert page.text["td"][len(cells) : len(cells) + len(layer_cells)] == layer_cells
    assert page.text["pre"] == [OPTIONS.command()]
    assert page.pictures() == [
        (done.folder / "figures" / f"{name}.png").read_bytes()
        for name in ("equivariance", "probes")
    ]
    assert not re.search(r"https?://|url\(|@import|<script", done.finding.report.read_text())
    assert [axes.get_title(loc="left") for axes in drawn["equivariance.png"].axes] == list(
        MODELS_TOLD
    )
    titles = [axes.get_title(loc="left") for axes in drawn["probes.png"].axes]
    assert titles == probes.data == ["moved digits", "drawn faces"]


REFUSED = {
    "no images": ({"images": 0}, "equivariance study, images: expected at least 1; got 0; take 1"),
    "few images": ({"images": 3}, "equivariance study, images: expected images of every class in"),
    "seeds": ({"seeds": 0}, "equivariance study, seeds: expected at least 1; got 0; take 3"),
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


def test_a_model_whose_layers_are_not_known_is_refused_before_a_step_is_taken(monkeypatch):
    class Foreign(Model):
        name = "foreign"

        def __init__(self, in_shape, num_classes):
            super().__init__(in_shape, num_classes)
            self.weight = torch.nn.Parameter(torch.zeros(1))

    monkeypatch.setitem(MODELS._entries, "foreign", Preset(Foreign, {}))
    with pytest.raises(ValueError, match="layers, model: expected one of CapsNet"):
        EquivarianceOptions(beside=("foreign",), faces_images=32).check()


@pytest.mark.parametrize(
    "options",
    [EquivarianceOptions(), OPTIONS, EquivarianceOptions(model="cnn", data="mnist", lr=3e-5)],
)
def test_the_command_gives_the_options_back(options):
    words = shlex.split(options.command())
    assert words[:3] == ["torchcaps", "study", "equivariance"]
    parser = make_parser("study equivariance", "a study", "", "")
    parser.add_class_arguments(EquivarianceOptions, None)
    assert EquivarianceOptions(**vars(parse(parser, words[3:]))) == options


def test_the_study_is_known_by_name():
    assert STUDIES["equivariance"].options is EquivarianceOptions
    assert EquivarianceOptions().models == (
        "capsnet_small", "equivariant_capsnet", "cnn", "pooled_cnn",
    )  # fmt: skip
