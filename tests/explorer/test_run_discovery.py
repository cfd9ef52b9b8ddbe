"""Which networks are shown: those named, of studies the lowest seed, else the newest finished runs,
else those that come with the package."""

import json
import os
from pathlib import Path

import pytest

import torchcaps as tc
from torchcaps.data.mnist import mnist_on_disk
from torchcaps.explorer import run_discovery
from torchcaps.explorer.python_code import python_code
from torchcaps.explorer.requests import Indexed, Look, Move
from torchcaps.explorer.run_discovery import find_runs
from torchcaps.explorer.workspaces import load_workspace, workspace_of
from torchcaps.training import Recipe

from .conftest import FACES, save_run

DIGITS = [Path(f"{name}.digits") for name in ("capsnet_small", "equivariant_capsnet", "cnn")]


@pytest.fixture
def run(tmp_path):
    """run("a/b", "cnn", age=3): a finished run that was written so many days ago."""

    def save(place, name="cnn", *, age=0, epochs=None, **recipe):
        recipe = Recipe(model=name, **{"epochs": 30, **recipe})
        folder = save_run(tmp_path / place, name, recipe)
        lines = recipe.last_epoch if epochs is None else epochs
        (folder / "metrics.jsonl").write_text(
            "".join(f'{{"epoch": {k + 1}}}\n' for k in range(lines))
        )
        written = 1e9 - 86400 * age
        os.utime(folder / "model.safetensors", times=(written, written))
        return folder

    return save


@pytest.fixture(autouse=True)
def no_mnist(monkeypatch):
    """MNIST is not on this disk, wherever the tests run."""
    monkeypatch.setattr(run_discovery, "mnist_on_disk", lambda split: False)


@pytest.fixture
def found(tmp_path):
    def find(*named):
        return find_runs([str(name) for name in named], tmp_path / "runs")

    return find


def test_named_runs_are_sorted_by_what_they_were_trained_on(run, found):
    digits, faces = run("x", epochs=0), run("y", data="faces", data_options={"size": 16})
    scrambled = run("z", data="faces", data_options={"size": 16, "task": "scrambled"})
    assert found(faces, digits) == {"digits": [digits], "faces": [faces]}
    assert found(scrambled)["digits"] == [scrambled]
    assert found(digits, digits)["digits"] == [digits]


def test_a_run_that_stopped_early_is_finished(run, found):
    folder = run("runs/a", epochs=0, patience=2)
    for accuracies, finished in (([0.5, 0.4], []), ([0.5, 0.4, 0.5], [folder])):
        lines = [{"epoch": k, "accuracy": value} for k, value in enumerate(accuracies, 1)]
        (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        assert found()["digits"] == (finished or DIGITS)


def test_of_a_study_the_lowest_seed_of_each_model_is_taken(run, found, tmp_path):
    for name in ("cnn-10", "cnn-2", "cnn-3", "capsnet_small-0", "other", "iterations-10-1"):
        run(f"study/models/{name}")
    (tmp_path / "study" / "models" / "empty-0").mkdir()
    names = [folder.name for folder in found(tmp_path / "study")["digits"]]
    assert names == ["capsnet_small-0", "cnn-2", "iterations-10-1"]


def test_without_names_the_newest_and_others_on_its_data_are_taken(run, found):
    newest = run("runs/a", "cnn", age=1)
    run("runs/b", "cnn", age=2)
    beside = run("runs/study/models/capsnet_small-1", "capsnet_small", age=30)
    run("runs/c", "capsnet_small", age=40)
    run("runs/d", "pooled_cnn", age=5, data="faces", data_options={"size": 16})
    run("runs/other-options", "equivariant_capsnet", age=2, data="faces", data_options={"size": 20})
    runs = found()
    assert runs["digits"] == [beside, newest]  # in the catalogue's order
    assert [folder.name for folder in runs["faces"]] == ["other-options"]


def test_what_is_not_finished_is_not_found_but_can_be_named(run, found, tmp_path):
    run("runs/half", epochs=3)
    assert found()["digits"] == DIGITS
    assert found(tmp_path / "runs/half")["digits"] == [tmp_path / "runs/half"]


def test_a_set_that_was_not_named_is_found(run, found):
    digits, faces = run("x"), run("runs/y", data="faces", data_options={"size": 16})
    run("runs/z")
    assert found(digits) == {"digits": [digits], "faces": [faces]}


def test_without_any_run_the_networks_of_the_package_are_shown(found):
    assert found() == {"digits": DIGITS, "faces": []}
    workspace = load_workspace("digits", found()["digits"], Recipe())
    assert [shown.folder for shown in workspace.models] == [str(name) for name in DIGITS]
    assert all(shown.model.gain != 10 for shown in workspace.models)  # they are calibrated


def test_those_of_mnist_are_preferred_where_it_is_on_disk(found, monkeypatch):
    monkeypatch.setattr(run_discovery, "mnist_on_disk", lambda split: split == "test")
    monkeypatch.setattr(run_discovery, "_can_be_shown", lambda run: True)
    names = [str(folder) for folder in found()["digits"]]
    assert "cnn.mnist" in names
    assert all(name.endswith(".mnist") for name in names)


def test_damaged_files_of_mnist_stop_nothing(found, monkeypatch, tmp_path, capsys):
    (tmp_path / "mnist").mkdir()
    for name in ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"):
        (tmp_path / "mnist" / name).write_bytes(b"half")
    monkeypatch.setenv("TORCHCAPS_DATA", str(tmp_path))
    monkeypatch.setattr(run_discovery, "mnist_on_disk", mnist_on_disk)
    assert found()["digits"] == DIGITS
    assert "cnn.mnist is skipped (" in capsys.readouterr().err


def test_a_network_of_the_package_can_be_named(found, run):
    mine = run("mine", "capsnet_small")
    assert found("cnn.digits", mine)["digits"] == [Path("cnn.digits"), mine]
    workspace = load_workspace("digits", [Path("cnn.digits")], Recipe())
    code = python_code(Look(workspace, Indexed(0), Move(0, 1, 0, 0, 0)))
    assert "tc.load_model('cnn.digits')" in code


def spoil_weights(folder):
    (folder / "model.safetensors").write_bytes(b"half")
    os.utime(folder / "model.safetensors")


def spoil_recipe(folder):
    (folder / "config.yaml").write_text("nothing: here")


def spoil_data(folder):
    Recipe(model="cnn", data="folder", root="/nowhere").save(folder / "config.yaml")


@pytest.mark.parametrize("spoil", [spoil_weights, spoil_recipe, spoil_data])
def test_a_run_that_cannot_be_shown_is_skipped_unless_it_is_named(run, found, capsys, spoil):
    spoiled, older, beside = run("runs/a"), run("runs/b", age=1), run("runs/c", "capsnet_small")
    spoil(spoiled)
    assert found()["digits"] == [beside, older]
    said = capsys.readouterr().err
    assert said.startswith(f"torchcaps: explore: {spoiled} is skipped (")
    assert said.count("\n") == 1
    with pytest.raises((ValueError, OSError)):
        load_workspace("digits", found(spoiled)["digits"], Recipe())


def test_what_is_neither_run_nor_study_is_named(found, run, tmp_path):
    with pytest.raises(
        ValueError,
        match=r"explore, .*nowhere: expected a run .*, or one of .*cnn.digits.*; got nothing there",
    ):
        found(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"explore, .*empty: .* got a folder without them; train"):
        found(tmp_path / "empty")


@pytest.mark.parametrize(
    ("recipe", "id"),
    [(Recipe(), "digits"), (Recipe(data="mnist"), "digits"), (Recipe(data="faces"), "faces"),
     (FACES, "faces"), (Recipe(data="faces", data_options={"task": "scrambled"}), "digits")],
)  # fmt: skip
def test_the_set_of_a_recipe(recipe, id):
    assert workspace_of(recipe) == id


# Loading


def test_models_of_one_name_are_told_apart(run):
    models = load_workspace(
        "digits", [run("a"), run("b"), run("c", "capsnet_small")], Recipe()
    ).models
    assert [shown.id for shown in models] == ["cnn", "cnn-2", "capsnet_small"]
    assert len({id(shown.model) for shown in models}) == 3


def test_models_that_look_at_other_images_are_refused_with_both_named(run):
    small = run("a")
    other = run("b", data="faces", data_options={"size": 16, "task": "scrambled"})
    text = (
        r"explore, .*b: expected a model for images \(1, 8, 8\) of the classes 0, 1, .* as .*a has"
    )
    with pytest.raises(ValueError, match=text + r"; got one for \(1, 16, 16\) of face, scrambled"):
        load_workspace("digits", [small, other], Recipe())


def test_models_with_other_classes_are_refused(run):
    folder = run("a")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "classes": list("abcdefghij")}))
    with pytest.raises(ValueError, match=r"got one for \(1, 8, 8\) of a, b, c"):
        load_workspace("digits", [folder], Recipe())


def test_a_model_that_diverged_is_refused(tmp_path):
    folder = save_run(tmp_path / "a", "cnn")
    model = tc.load_model(folder)
    model.get_parameter("classify.bias").data.fill_(float("nan"))
    tc.save_model(model, folder)
    with pytest.raises(
        ValueError, match=r"explore, .*a: expected a model with finite scores; got NaN"
    ):
        load_workspace("digits", [folder], Recipe())


def test_damaged_weights_are_named(run):
    folder = run("a")
    (folder / "model.safetensors").write_bytes(b"x" * 20)
    with pytest.raises(ValueError, match=r"load_model, .*a/model.safetensors: expected a whole"):
        load_workspace("digits", [folder], Recipe())
