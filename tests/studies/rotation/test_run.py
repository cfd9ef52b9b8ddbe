"""A tiny rotation study: its files agree with each other and with the saved models."""

import json

import numpy as np
import pytest
import yaml

from torchcaps.data import load_dataset
from torchcaps.data.transforms import rotate
from torchcaps.models import load_model
from torchcaps.studies.rotation.study import reconstructions_figure, rotation_figure
from torchcaps.training import Recipe, evaluate

MODELS = ("capsnet_small", "cnn")


def test_the_folder_holds_everything(study):
    files = {str(p.relative_to(study.folder)) for p in study.folder.rglob("*") if p.is_file()}
    run = {"config.yaml", "metrics.jsonl", "config.json", "model.safetensors"}
    run |= {"best/config.json", "best/model.safetensors", "checkpoint/state.safetensors"}
    wanted = {"results.json", "table.csv", "report.html", "figures/rotation.svg"}
    wanted |= {"figures/reconstructions.png", "figures/perturbation.png"}
    wanted |= {f"models/{name}-{seed}/{f}" for name in MODELS for seed in (0, 1) for f in run}
    assert files == wanted
    assert study.finding.report == study.folder / "report.html"


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("seed", [0, 1])
def test_the_numbers_are_those_of_the_saved_models(study, name, seed):
    model = load_model(study.folder / "models" / f"{name}-{seed}")
    test_set = load_dataset("digits", "test")
    for angle in study.options.angles:
        found = evaluate(
            model, test_set, model.make_loss(), transform=lambda x, a=angle: rotate(x, a)
        )
        accuracy = study.results.values(name, "accuracy", angle)[seed]
        assert accuracy == pytest.approx(100 * found.accuracy, abs=1e-6)
        errors = study.results.values(name, "reconstruction_mse", angle)
        if name == "cnn":
            assert errors == []
        else:
            assert errors[seed] == pytest.approx(found.reconstruction_mse, rel=1e-5)
    assert len(set(study.results.values(name, "accuracy", 0))) > 1, "a vacuous study"


def test_the_table_and_the_csv_are_the_results(study):
    assert (study.folder / "table.csv").read_text() == study.results.csv()
    assert study.finding.header == ["rotation", *MODELS]
    for angle, label, row in zip(
        study.options.angles, ("-30°", "0°", "+30°"), study.finding.rows, strict=True
    ):
        cells = [study.results.cell(name, "accuracy", angle, unit=" %") for name in MODELS]
        assert row == [label, *cells]


def test_models_of_one_seed_are_trained_alike(study):
    for seed in (0, 1):
        configs = [study.folder / "models" / f"{name}-{seed}" / "config.yaml" for name in MODELS]
        first, second = (yaml.safe_load(path.read_text()) for path in configs)
        assert (first.pop("model"), second.pop("model")) == MODELS
        assert first == second
        assert Recipe.load(configs[0]) == study.options.recipe("capsnet_small", seed)
        assert first["seed"] == seed


def test_settings_costs_and_machine_are_recorded(study):
    about = json.loads(study.text)
    assert list(about) == [
        "study", "command", "machine", "torchcaps", "settings", "models", "columns", "rows",
    ]  # fmt: skip
    assert (about["study"], about["command"]) == ("rotation", study.options.command())
    for key, value in about["settings"].items():
        wanted = getattr(study.options, key)
        assert value == (list(wanted) if isinstance(wanted, tuple) else wanted)
    for name in MODELS:
        model = load_model(study.folder / "models" / f"{name}-0")
        cost = about["models"][name]
        assert cost["parameters"] == sum(p.numel() for p in model.parameters())
        assert cost["seconds_per_epoch"] > 0
    assert "torch " in about["machine"]


def test_the_curves_are_the_results(study):
    (axes,) = rotation_figure(study.results, study.options).axes
    assert [line.get_label() for line in axes.lines] == list(MODELS)
    for line in axes.lines:
        wanted = [study.results.mean(line.get_label(), "accuracy", a) for a in (-30, 0, 30)]
        assert np.asarray(line.get_ydata()).tolist() == pytest.approx(wanted)


def test_the_classes_under_the_reconstructions_are_predicted(study):
    test_set = load_dataset("digits", "test")
    firsts = [int((test_set.labels == label).nonzero()[0]) for label in range(10)]
    model = load_model(study.folder / "models" / "capsnet_small-0")
    predicted = model(test_set.batch(firsts)[0]).scores.argmax(-1).tolist()
    (axes,) = reconstructions_figure(model, test_set).axes
    assert [text.get_text() for text in axes.get_xticklabels()] == [str(k) for k in predicted]
