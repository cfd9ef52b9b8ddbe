"""`torchcaps study rotation`: options in, a folder with a report out, nothing lost."""

import json

import pytest
import yaml

from torchcaps.studies.results import Results

TINY = ["--train-images", "64", "--epochs", "1", "--seeds", "1", "--angles", "[0,30]", "--quiet"]
OPTIONS = {
    "model": "cnn", "beside": ["capsnet_small"], "data": "digits", "root": None,
    "train_images": 64, "seeds": 1, "epochs": 1, "batch_size": 32, "lr": 0.003,
    "schedule": "cosine", "shift": 0, "subpixel": False, "angles": [0.0, 30.0],
}  # fmt: skip


def snapshot(folder):
    return {str(p): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture
def tiny(cli):
    words = ["--model", "cnn", "--beside", "[capsnet_small]", "--batch-size", "32"]
    return lambda *more: cli("study", "rotation", *TINY, *words, *more)


def test_a_study_ends_with_its_table_and_its_report(tiny, tmp_path):
    said = tiny("--out", "here")
    assert (said.code, said.err) == (0, "")
    assert said.out.endswith("\nreport: here/report.html\n")
    assert (tmp_path / "here" / "report.html").is_file()
    assert yaml.safe_load((tmp_path / "here" / "config.yaml").read_text()) == OPTIONS
    results = json.loads((tmp_path / "here" / "results.json").read_text())
    assert results["settings"] == OPTIONS
    words = said.words
    assert words[:3] == ["rotation", "cnn", "capsnet_small"]
    found = Results.from_json((tmp_path / "here" / "results.json").read_text())
    for angle, condition in (("0°", "0"), ("+30°", "30")):
        start = words.index(angle)
        cnn, capsnet = (found.mean(name, "accuracy", condition) for name in words[1:3])
        assert words[start + 1 : start + 5] == [f"{cnn:.2f}", "%", f"{capsnet:.2f}", "%"]


def test_a_printed_configuration_makes_the_same_study(tiny, cli, tmp_path):
    printed = tiny("--print-config")
    (tmp_path / "study.yaml").write_text(printed.out)
    assert cli("study", "rotation", "--config", "study.yaml", "--out", "b").code == 0
    assert yaml.safe_load((tmp_path / "b" / "config.yaml").read_text()) == OPTIONS


def test_a_study_is_never_overwritten_unasked(tiny, refused, tmp_path):
    assert tiny().out.endswith("report: runs/study-rotation-digits/report.html\n")
    folder = tmp_path / "runs" / "study-rotation-digits"
    before = snapshot(folder)
    text = refused("study", "rotation", *TINY)
    assert text.startswith("run folder runs/study-rotation-digits: expected a new or empty folder")
    assert snapshot(folder) == before
    assert tiny("--overwrite", "--seeds", 2).code == 0
    assert (folder / "models" / "cnn-1").is_dir()


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("--model capsnt", "unknown model 'capsnt'; known: "),
        ("--data digit", "unknown dataset 'digit'; known: "),
        ("--beside [cnn,nope]", "unknown model 'nope'; known: "),
        ("--beside cnn", "--beside: expected a list; got cnn; try '[cnn]'; see torchcaps study"),
        ("--angles 5", "--angles: expected a list; got 5; try '[5]'; see torchcaps study rotation"),
        ("--angles [a]", "--angles: expected float. Got value: a; see torchcaps study rotation"),
        ("--beside [capsnet]", "CapsNet stem, kernel_size: expected at most the map's size"),
        ("--epochs 0", "Recipe, epochs: expected a whole number, at least 1; got 0"),
        ("--train-images 9999", "digits.sample, n: expected 1 to 1257"),
        ("--seeds 0", "rotation study, seeds: expected a whole number, at least 1; got 0"),
        ("--sedes 2", "unknown option --sedes; did you mean --seeds?"),
    ],
)
def test_a_mistake_beside_overwrite_loses_nothing(refused, tmp_path, words, text):
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "config.yaml").write_text(yaml.safe_dump(OPTIONS))
    (tmp_path / "old" / "report.html").write_text("results of a week")
    before = snapshot(tmp_path)
    assert text in refused("study", "rotation", "--out", "old", "--overwrite", *words.split())
    assert snapshot(tmp_path) == before


def test_resuming_keeps_options_and_numbers(tiny, cli, tmp_path):
    tiny("--out", "here")
    before = snapshot(tmp_path / "here" / "models")
    results = json.loads((tmp_path / "here" / "results.json").read_text())
    (tmp_path / "here" / "report.html").unlink()
    said = cli("study", "rotation", "--resume", "here", "--quiet")
    assert (said.code, said.err) == (0, "")
    assert (tmp_path / "here" / "report.html").is_file()
    assert json.loads((tmp_path / "here" / "results.json").read_text()) == results
    assert snapshot(tmp_path / "here" / "models") == before


@pytest.mark.parametrize("kind", ["missing", "of a training run", "cut", "wrong type"])
def test_what_is_no_study_cannot_be_resumed(refused, tmp_path, kind):
    contents = {"of a training run": "precision: fp32", "cut": "{", "wrong type": "seeds: many"}
    if kind in contents:
        (tmp_path / "old").mkdir()
        (tmp_path / "old" / "config.yaml").write_text(contents[kind])
    text = refused("study", "rotation", "--resume", "old")
    assert text.startswith(
        "study, --resume: expected the folder of such a study with its config.yaml; got old ("
    )
    assert text.endswith("); start the study without --resume")


def test_options_beside_resume_are_refused_not_ignored(refused):
    assert refused("study", "rotation", "--resume", "old", "--seeds", 5, "--out=x") == (
        "--resume: expected no options beside it, since what was begun keeps its own; got --out, "
        "--seeds; leave them out, or start anew in another --out"
    )


def test_the_faces_study_has_its_own_folder_and_is_listed(cli, tmp_path):
    words = ["--beside", "[cnn]", "--train-images", 64, "--epochs", 1, "--seeds", 1]
    said = cli("study", "faces", *words, "--faces", 4, "--quiet")
    assert (said.code, said.err) == (0, "")
    assert said.out.endswith("\nreport: runs/study-faces/report.html\n")
    assert said.words[0] == "model"
    listed = cli("study", "--list").out.splitlines()
    assert [line.split()[0] for line in listed if line.startswith("  ")].count("faces") == 1
