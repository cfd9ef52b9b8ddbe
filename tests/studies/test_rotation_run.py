"""A whole rotation study: its files are there, agree with each other and with the saved models."""

import csv
from statistics import mean, stdev

import pytest
import yaml

from torchcaps.data import load_dataset
from torchcaps.data.transforms import rotate
from torchcaps.models import load_model
from torchcaps.training import Recipe, evaluate

MODELS = ("capsnet_small", "cnn")


def test_the_folder_holds_everything(study):
    files = {str(p.relative_to(study.folder)) for p in study.folder.rglob("*") if p.is_file()}
    run = {"config.yaml", "metrics.jsonl", "config.json", "model.safetensors"}
    run |= {"best/config.json", "best/model.safetensors", "checkpoint/state.safetensors"}
    wanted = {"results.json", "table.csv", "report.html"}
    wanted |= {f"figures/{name}.png" for name in ("rotation", "reconstructions", "perturbation")}
    wanted |= {f"models/{name}-{seed}/{f}" for name in MODELS for seed in (0, 1) for f in run}
    assert files == wanted
    assert study.finding.report == study.folder / "report.html"


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("seed", [0, 1])
def test_the_numbers_are_those_of_the_saved_models(study, name, seed):
    model = load_model(study.folder / "models" / f"{name}-{seed}")
    test_set = load_dataset("digits", "test")
    for k, angle in enumerate(study.options.angles):
        turned = evaluate(
            model, test_set, model.make_loss(), transform=lambda x, a=angle: rotate(x, a)
        )
        said = study.results["accuracy_percent"][name]["seeds"][k][seed]
        assert said == pytest.approx(100 * turned.accuracy, abs=1e-9)
        if seed == 0:
            assert study.results["reconstruction_mse"][name][k] == (
                turned.reconstruction_mse and pytest.approx(turned.reconstruction_mse, rel=1e-5)
            )


def test_mean_spread_and_advantage_follow_from_the_seeds(study):
    accuracy = study.results["accuracy_percent"]
    for name in MODELS:
        assert accuracy[name]["mean"] == pytest.approx([mean(s) for s in accuracy[name]["seeds"]])
        assert accuracy[name]["sd"] == pytest.approx([stdev(s) for s in accuracy[name]["seeds"]])
    pairs = zip(accuracy["capsnet_small"]["mean"], accuracy["cnn"]["mean"], strict=True)
    assert study.results["advantage"] == pytest.approx([a - b for a, b in pairs])
    assert any(abs(gain) > 1 for gain in study.results["advantage"]), "a vacuous study"


def test_the_csv_is_the_json(study):
    rows = list(csv.DictReader((study.folder / "table.csv").open()))
    assert [float(row["degrees"]) for row in rows] == study.results["degrees"] == [-30, 0, 30]
    for k, row in enumerate(rows):
        wanted = {
            f"{name}_{what}": study.results["accuracy_percent"][name][what][k]
            for name in MODELS
            for what in ("mean", "sd")
        }
        wanted |= {
            "advantage": study.results["advantage"][k],
            "degrees": study.results["degrees"][k],
        }
        assert {key: float(value) for key, value in row.items()} == pytest.approx(wanted, abs=1e-4)


def test_the_table_of_the_finding_is_the_json(study):
    assert study.finding.header == ["rotation", *MODELS, "advantage"]
    accuracy = study.results["accuracy_percent"]
    for k, (angle, *cells, gain) in enumerate(study.finding.rows):
        assert angle == ("-30°", "0°", "+30°")[k]
        assert gain == f"{study.results['advantage'][k]:+.2f}"
        for name, cell in zip(MODELS, cells, strict=True):
            said = accuracy[name]
            assert cell == f"{said['mean'][k]:.2f} ± {said['sd'][k]:.2f} %"


def test_models_of_one_seed_saw_the_same_images_and_settings(study):
    for seed in (0, 1):
        configs = [study.folder / "models" / f"{name}-{seed}" / "config.yaml" for name in MODELS]
        first, second = (yaml.safe_load(path.read_text()) for path in configs)
        assert (first.pop("model"), second.pop("model")) == MODELS
        assert first == second
        assert Recipe.load(configs[0]) == study.options.recipe("capsnet_small", seed)
        assert first["seed"] == seed


def test_settings_and_costs_are_recorded(study):
    for key, value in study.results["settings"].items():
        wanted = getattr(study.options, key)
        assert value == (list(wanted) if isinstance(wanted, tuple) else wanted)
    for name in MODELS:
        model = load_model(study.folder / "models" / f"{name}-0")
        assert study.results["parameters"][name] == sum(p.numel() for p in model.parameters())
        assert study.results["seconds_per_epoch"][name] > 0
    assert "torch " in study.results["machine"]
