"""A tiny iterations study: its numbers are those of its saved networks."""

import json
from dataclasses import asdict
from types import SimpleNamespace

import numpy as np
import pytest

from torchcaps.analysis.routing.measures import measure_routing
from torchcaps.data import load_dataset
from torchcaps.models import load_model
from torchcaps.studies.iterations.study import PANELS, IterationsOptions, iterations_figure, run
from torchcaps.studies.results import Results
from torchcaps.training.loop import _Loop

OPTIONS = IterationsOptions(iterations=(12, 1, 12), seeds=2, epochs=1, train_images=64)
NAMES = {1: "1 iteration", 12: "12 iterations"}


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    folder = tmp_path_factory.mktemp("iterations")
    finding = run(OPTIONS, folder, True, "cpu")
    text = (folder / "results.json").read_text()
    return SimpleNamespace(
        folder=folder, finding=finding, text=text, results=Results.from_json(text)
    )


@pytest.mark.parametrize("trained", [1, 12])
def test_the_numbers_are_those_of_the_saved_networks(done, trained):
    """More than ten iterations in training are tested, too."""
    name, test_set = NAMES[trained], load_dataset("digits", "test")
    for seed in (0, 1):
        model = load_model(done.folder / "models" / f"iterations-{trained}-{seed}")
        again = measure_routing(model, test_set, up_to=12, seed=seed)
        assert again.own == trained

        def value(metric, condition: object = "", *, by="", seed=seed):
            return done.results.values(
                f"{name}, {by} couplings" if by else name, metric, condition
            )[seed]

        tests = zip(again.tests, again.couplings, strict=True)
        tested = 0
        for tested, (test, couplings) in enumerate(tests, 1):
            for condition in ("", tested) if tested == trained else (tested,):
                assert value("accuracy", condition) == pytest.approx(100 * test.accuracy)
                assert value("changed", condition) == pytest.approx(100 * test.changed)
                for metric, wanted in asdict(couplings).items():
                    assert value(metric, condition) == pytest.approx(wanted)
        assert tested == 12
        for by, test in again.replaced.items():
            assert value("accuracy", by=by) == pytest.approx(100 * test.accuracy)
            assert value("changed", by=by) == pytest.approx(100 * test.changed)
        assert value("dead_children") == pytest.approx(100 * again.dead_children)
        assert value("dead_parents") == pytest.approx(100 * again.dead_parents)


def test_networks_of_one_seed_differ_only_in_the_iterations(done):
    for seed in (0, 1):
        recipes = dict(zip(NAMES, OPTIONS.recipes(seed).values(), strict=True))
        assert recipes[1].model_options == {"iterations": 1}
        assert asdict(recipes[12]) == {**asdict(recipes[1]), "model_options": {"iterations": 12}}
        for r, recipe in recipes.items():
            folder = done.folder / "models" / f"iterations-{r}-{seed}"
            assert type(recipe).load(folder / "config.yaml") == recipe


def test_the_files_are_complete_and_agree(done):
    about = json.loads(done.text)
    assert about["study"] == "iterations"
    assert about["command"] == OPTIONS.command()
    assert {name: cost["parameters"] for name, cost in about["models"].items()} == dict.fromkeys(
        NAMES.values(), 130176
    )
    figures = {path.name for path in (done.folder / "figures").iterdir()}
    assert figures == {"iterations.svg", "routing.png", "squash.svg"}
    assert (done.folder / "table.csv").read_text() == done.results.csv()
    assert [row[0] for row in done.finding.rows] == list(NAMES.values())
    assert done.finding.rows[1][4] == done.results.cell(
        "12 iterations, mean couplings", "accuracy", digits=1, unit=" %"
    )


def test_the_curves_are_the_numbers(done):
    axes = iterations_figure(done.results, OPTIONS).axes
    for panel, (metric, label) in zip(axes, PANELS.items(), strict=True):
        assert panel.get_title(loc="left") == label
        for line, name in zip(panel.lines[: len(NAMES)], NAMES.values(), strict=True):
            wanted = [done.results.mean(name, metric, tested) for tested in range(1, 13)]
            assert np.asarray(line.get_ydata()).tolist() == pytest.approx(wanted)


def test_a_finished_study_is_not_trained_again(done, monkeypatch):
    monkeypatch.setattr(_Loop, "step", lambda *_: pytest.fail("trained again"))
    (done.folder / "report.html").unlink()
    run(OPTIONS, done.folder, True, "cpu")
    assert (done.folder / "report.html").is_file()
    assert json.loads((done.folder / "results.json").read_text()) == json.loads(done.text)
