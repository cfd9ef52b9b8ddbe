"""`torchcaps train` loses nothing: no run is replaced unasked, resuming changes no option."""

import os

import pytest

import torchcaps as tc
from torchcaps.training import Recipe
from torchcaps.training.lock import locked

TINY = ["--train-images", "64", "--batch-size", "32", "--epochs", "1", "--quiet"]


def snapshot(folder):
    return {str(p): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_an_existing_run_is_never_overwritten_unasked(cli, refused, tmp_path):
    cli("train", *TINY, "--out", "run")
    before = snapshot(tmp_path / "run")
    assert refused("train", *TINY, "--out", "run") == (
        "run folder run: expected a new or empty folder; got one with files; "
        "choose another --out, continue it with --resume, or add --overwrite"
    )
    assert snapshot(tmp_path / "run") == before
    assert cli("train", *TINY, "--model", "cnn", "--out", "run", "--overwrite").code == 0
    assert tc.load_model(tmp_path / "run").name == "cnn"


@pytest.mark.parametrize("command", ["train", "study rotation"])
@pytest.mark.parametrize("out", ["thesis", "."])
def test_a_folder_with_more_than_a_run_is_never_overwritten(refused, tmp_path, command, out):
    """Not for a config.yaml of another program, nor for one of ours beside years of work."""
    folder = tmp_path / out
    folder.mkdir(exist_ok=True)
    (folder / "thesis.tex").write_text("years of work")
    for config in ("title: years of work\n", "epochs: 1\n"):
        (folder / "config.yaml").write_text(config)
        before = snapshot(tmp_path)
        text = refused(*command.split(), *TINY, "--out", out, "--overwrite")
        assert text.startswith(f"run folder {out}: expected")
        assert snapshot(tmp_path) == before


def test_a_study_is_replaced_by_a_study(cli, refused, tmp_path):
    words = ["study", "rotation", *TINY, "--seeds", 1, "--angles", "[0]", "--out", "s"]
    words += ["--model", "cnn", "--beside", "[capsnet_small]"]
    assert cli(*words).code == 0
    before = snapshot(tmp_path)
    refused("train", *TINY, "--out", "s", "--overwrite")
    assert snapshot(tmp_path) == before
    assert cli(*words, "--overwrite").code == 0
    assert snapshot(tmp_path).keys() == before.keys()


@pytest.mark.parametrize(
    "mistake", [["--model", "nope"], ["--data", "nope"], ["--train-images", "9999"], ["--lr", "-1"]]
)
def test_a_mistake_beside_overwrite_loses_nothing(refused, cli, tmp_path, mistake):
    cli("train", *TINY, "--out", "run")
    before = snapshot(tmp_path / "run")
    refused("train", *TINY, "--out", "run", "--overwrite", *mistake)
    assert snapshot(tmp_path / "run") == before


def test_resuming_a_finished_run_changes_no_weight(cli, tmp_path):
    cli("train", *TINY, "--out", "run")
    weights = (tmp_path / "run" / "model.safetensors").read_bytes()
    said = cli("train", "--resume", "run", "--quiet")
    assert said == (0, "run\ntest it with: torchcaps evaluate run\n", "")
    assert (tmp_path / "run" / "model.safetensors").read_bytes() == weights
    assert len((tmp_path / "run" / "metrics.jsonl").read_text().splitlines()) == 1


def test_options_beside_resume_are_refused_not_ignored(cli, refused, tmp_path):
    cli("train", *TINY, "--out", "run")
    assert refused("train", "--resume", "run", "--lr", 9, "--batch_size=4", "--quiet") == (
        "--resume: expected no options beside it, since what was begun keeps its own; got "
        "--batch-size, --lr; leave them out, or start anew in another --out"
    )


def test_epochs_beside_resume_extend_the_run(cli, refused, tmp_path):
    cli("train", *TINY, "--out", "run")
    assert cli("train", "--resume", "run", "--epochs=2", "--quiet").code == 0
    assert len((tmp_path / "run" / "metrics.jsonl").read_text().splitlines()) == 2
    assert refused("train", "--resume", "run", "--epochs", "1").startswith("--resume, epochs: exp")


def test_a_run_in_use_is_refused(refused, tmp_path):
    with locked(tmp_path / "run"):
        text = f"got a run in use by process {os.getpid()}; wait for it"
        assert text in refused("train", *TINY, "--out", "run")
        Recipe().save(tmp_path / "run" / "config.yaml")
        assert text in refused("train", "--resume", "run")


@pytest.mark.parametrize("folder", ["nowhere", "damaged", "empty"])
def test_what_cannot_be_resumed_says_so(refused, tmp_path, folder):
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "config.yaml").write_text("{")
    (tmp_path / "empty").mkdir()
    wanted = "YAML" if folder == "damaged" else "the config.yaml of a run"
    text = refused("train", "--resume", folder)
    assert f"{folder}/config.yaml: expected {wanted}; got" in text
