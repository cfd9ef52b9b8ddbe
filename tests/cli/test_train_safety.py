"""`torchcaps train` loses nothing: no run is replaced unasked, resuming changes no option."""

import pytest

import torchcaps as tc

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
    (tmp_path / "run" / "mine.txt").write_text("old")
    assert cli("train", *TINY, "--model", "cnn", "--out", "run", "--overwrite").code == 0
    assert tc.load_model(tmp_path / "run").name == "cnn"
    assert not (tmp_path / "run" / "mine.txt").exists()


def test_only_a_run_can_be_overwritten(refused, tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("years of work")
    assert refused("train", *TINY, "--out", "thesis", "--overwrite") == (
        "run folder thesis: expected a run to overwrite; got a folder without config.yaml, which "
        "torchcaps did not write; choose another --out"
    )
    assert (tmp_path / "thesis" / "chapter.txt").read_text() == "years of work"


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
    assert refused("train", "--resume", "run", "--epochs", 9, "--batch_size=4", "--quiet") == (
        "--resume: expected no options beside it, since what was begun keeps its own; got "
        "--batch-size, --epochs; leave them out, or start anew in another --out"
    )


@pytest.mark.parametrize("folder", ["nowhere", "damaged", "empty"])
def test_what_cannot_be_resumed_says_so(refused, tmp_path, folder):
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "config.yaml").write_text("{")
    (tmp_path / "empty").mkdir()
    assert f"{folder}/config.yaml: expected the config.yaml of a run; got" in refused(
        "train", "--resume", folder
    )
