"""A whole iterations study: its numbers are those of its networks, its report tells them."""

import json
import re
import shlex
from dataclasses import asdict
from types import SimpleNamespace

import pytest

from torchcaps.analysis.routing.measures import measure_routing
from torchcaps.analysis.routing.routing_trace import explain_routing
from torchcaps.cli.parser import make_parser, parse
from torchcaps.data import load_dataset
from torchcaps.figures.routing import finding as diagram_title
from torchcaps.models import load_model
from torchcaps.studies import STUDIES, iterations_report
from torchcaps.studies.iterations import IterationsOptions, run
from torchcaps.studies.iterations_table import IterationsTable
from torchcaps.studies.iterations_words import finding, opening, verdict
from torchcaps.training.loop import _Loop

OPTIONS = IterationsOptions(iterations=(4, 1, 4), seeds=2, epochs=1, train_images=96, batch_size=32)


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    folder = tmp_path_factory.mktemp("iterations")
    finding = run(OPTIONS, folder, True)
    results = json.loads((folder / "results.json").read_text())
    return SimpleNamespace(folder=folder, finding=finding, results=results)


@pytest.fixture(scope="module")
def table(done):
    """Measured again, from the saved networks."""
    test_set = load_dataset("digits", "test")
    return IterationsTable(
        {
            r: [
                measure_routing(
                    load_model(done.folder / "models" / f"iterations-{r}-{seed}"),
                    test_set,
                    seed=seed,
                )
                for seed in (0, 1)
            ]
            for r in (1, 4)
        }
    )


def test_the_numbers_are_those_of_the_saved_networks(done, table):
    said = done.results["trained_with"]
    assert list(said) == ["1", "4"]
    for r, seeds in table.measures.items():
        assert [each.own for each in seeds] == [r, r]
        for one, other in zip(said[str(r)], seeds, strict=True):
            assert one == json.loads(json.dumps(asdict(other)))
    assert table.get("accuracy", 4) != table.get("accuracy", 1), "a vacuous study"
    assert (done.folder / "table.csv").read_text() == table.csv()
    assert (done.finding.header, done.finding.rows) == (table.header(), table.rows())


def test_the_folder_and_the_settings(done):
    figures = {path.name for path in (done.folder / "figures").iterdir()}
    assert figures == {"iterations.png", "routing.png", "squash.png"}
    assert done.finding.report == done.folder / "report.html"
    assert done.results["settings"]["iterations"] == [4, 1, 4]
    assert done.results["command"] == OPTIONS.command()
    assert done.results["parameters"] == dict.fromkeys(("trained with 1", "trained with 4"), 130176)
    assert all(seconds > 0 for seconds in done.results["seconds_per_epoch"].values())
    assert "torch " in done.results["machine"]


def test_networks_of_one_seed_differ_in_nothing_but_the_iterations(done):
    for seed in (0, 1):
        one, four = (OPTIONS.recipe_with(r, seed) for r in (1, 4))
        assert one.model_options == {"iterations": 1}
        assert asdict(four) == {**asdict(one), "model_options": {"iterations": 4}}
        for recipe, r in ((one, 1), (four, 4)):
            folder = done.folder / "models" / f"iterations-{r}-{seed}"
            assert type(recipe).load(folder / "config.yaml") == recipe


def test_the_report_tells_these_numbers_and_fetches_nothing(done, table, read_page):
    page = read_page(done.finding.report)
    assert page.text["p"][0] == opening(asdict(OPTIONS), table)
    said = verdict(table)
    assert [text for text in page.text["p"] if text in said] == said
    tests = [row for what in ("accuracy", "changed") for row in table.tests_rows(what)]
    cells = [cell for row in (*table.rows(), *table.couplings_rows(), *tests) for cell in row]
    assert page.text["td"][: len(cells)] == cells
    assert page.text["pre"] == [OPTIONS.command()]
    assert page.pictures() == [
        (done.folder / "figures" / f"{name}.png").read_bytes()
        for name in ("iterations", "routing", "squash")
    ]
    assert not re.search(r"https?://|url\(|@import|<script", done.finding.report.read_text())


def test_a_finished_study_is_not_trained_again_and_draws_its_numbers(done, table, monkeypatch):
    drawn = {}
    monkeypatch.setattr(_Loop, "step", lambda *_: pytest.fail("trained again"))
    plain = iterations_report.save_figure
    monkeypatch.setattr(
        iterations_report,
        "save_figure",
        lambda figure, path: drawn.update({path.name: figure}) or plain(figure, path),
    )
    run(OPTIONS, done.folder, True)
    assert json.loads((done.folder / "results.json").read_text()) == done.results
    curves = drawn["iterations.png"]
    assert curves.get_suptitle() == finding(table)
    for axes, (label, wanted) in zip(curves.axes, table.panels().items(), strict=True):
        assert axes.get_ylabel() == label
        for line, spread in zip(axes.lines[::2], wanted.values(), strict=True):
            assert list(line.get_ydata()) == pytest.approx(spread.mean)
    test_set = load_dataset("digits", "test")
    example = explain_routing(load_model(done.folder / "models" / "iterations-4-0"), test_set[0][0])
    assert drawn["routing.png"].get_suptitle() == diagram_title(example, test_set.classes)


REFUSED = {
    "none": ({"iterations": ()}, "iterations study, iterations: expected at least one; got none"),
    "seeds": ({"seeds": 0}, "iterations study, seeds: expected at least 1; got 0; take 3 or more"),
    "unknown": ({"model": "capsnt"}, "unknown model 'capsnt'; known: "),
    "no couplings": (
        {"model": "cnn"},
        "iterations study, model: expected class capsules with couplings (DenseCapsules); got cnn, "
        "which lacks them; take a capsnet",
    ),
    "zero": ({"iterations": (3, 0)}, "CapsNet, iterations: expected"),
    "too large": ({"model": "capsnet"}, "CapsNet stem, kernel_size: expected at most"),
    "too many": ({"train_images": 9999}, "digits.sample, n: expected 1 to 1257"),
}


@pytest.mark.parametrize(("options", "text"), REFUSED.values(), ids=REFUSED)
def test_bad_options_are_refused_before_a_step_is_taken(options, text):
    with pytest.raises(ValueError, match=re.escape(text)):
        IterationsOptions(**options).check()


@pytest.mark.parametrize(
    "options",
    [IterationsOptions(), OPTIONS, IterationsOptions(model="capsnet", data="mnist", lr=3e-5)],
)
def test_the_command_gives_the_options_back(options):
    words = shlex.split(options.command())
    assert words[:3] == ["torchcaps", "study", "iterations"]
    parser = make_parser("study iterations", "a study", "", "")
    parser.add_class_arguments(IterationsOptions, None)
    assert IterationsOptions(**vars(parse(parser, words[3:]))) == options


def test_more_iterations_in_training_than_ten_are_tested_too(tmp_path):
    options = IterationsOptions(iterations=(12, 1), seeds=1, epochs=1, train_images=64)
    run(options, tmp_path, True)
    said = json.loads((tmp_path / "results.json").read_text())["trained_with"]
    assert [len(said[r][0]["tests"]) for r in ("1", "12")] == [12, 12]


def test_the_study_is_known_by_name():
    assert STUDIES["iterations"].options is IterationsOptions
    assert len(IterationsOptions().trained_with) == 5
