"""Homes, languages and folders that are not as usual: what is asked is done, or one line says why
not."""

import os
import shutil
import subprocess
import sys

import pytest

import torchcaps as tc
from torchcaps.files import read_short


def torchcaps(*words, cwd, without=(), **environment):
    """The command in a process of its own, with another environment."""
    kept = {key: value for key, value in os.environ.items() if key not in without}
    return subprocess.run(
        [sys.executable, "-m", "torchcaps", *map(str, words)],
        **{"cwd": cwd, "env": {**kept, **environment}},
        capture_output=True,
        timeout=300,
    )


def test_a_root_below_the_home_of_nobody_is_refused(refused, monkeypatch):
    said = "expected a folder; got '~nosuchuser', of a user without a home"
    assert said in refused("evaluate", "cnn.mnist", "--root", "~nosuchuser")
    monkeypatch.setenv("TORCHCAPS_DATA", "~nosuchuser")
    assert said in refused("train", "--data", "mnist", "--quiet")


@pytest.mark.parametrize("command", ["train", "study rotation"])
@pytest.mark.parametrize("option", ["--out", "--resume"])
def test_no_run_is_written_below_the_home_of_nobody(refused, tmp_path, command, option):
    said = refused(*command.split(), "--quiet", option, "~nosuchuser/a")
    assert "expected a folder; got '~nosuchuser/a', of a user without a home" in said
    with pytest.raises(
        ValueError, match="train, out: expected a folder; got '~nosuchuser/a', of a"
    ):
        tc.train("cnn", "digits", out="~nosuchuser/a", quiet=True)
    assert list(tmp_path.iterdir()) == []


def test_a_run_goes_below_the_home(cli, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    words = ["--train-images", 64, "--epochs", 1, "--model", "cnn", "--quiet"]
    said = cli("train", *words, "--out", "~/run")
    assert str(tmp_path / "home" / "run") in said.out
    assert [path.name for path in tmp_path.iterdir()] == ["home"]
    assert cli("train", "--resume", "~/run", "--epochs", 2, "--quiet").code == 0


@pytest.mark.parametrize("name", ["config.yaml", "config.json"])
def test_a_configuration_that_may_not_be_read_is_a_matter_of_permissions(
    refused, trained, tmp_path, monkeypatch, name
):
    run = shutil.copytree(trained, tmp_path / "run")

    def denied(path):
        if os.path.basename(path) == name:
            raise PermissionError(13, "Permission denied", str(path))
        return read_short(path)

    for module in ("torchcaps.training.recipe", "torchcaps.models.saved_files"):
        monkeypatch.setattr(f"{module}.read_short", denied)
    words = ["train", "--resume"] if name == "config.yaml" else ["evaluate"]
    assert refused(*words, run) == (
        f"Permission denied ({run / name}); check who may read and write it (ls -l), or choose "
        "another folder"
    )


def test_nothing_is_downloaded_for_a_user_without_a_home(refused, monkeypatch, tmp_path):
    """Not into a folder named ~ either."""

    def nobody(_):
        raise KeyError

    for name in ("HOME", "TORCHCAPS_DATA", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", nobody)
    assert "got none, and this user has no home for a cache; name one" in refused(
        "evaluate", "cnn.mnist"
    )
    assert list(tmp_path.iterdir()) == []


def test_without_a_home_in_the_environment_the_digits_are_trained(tmp_path):
    words = ["train", "--train-images", 64, "--epochs", 1, "--model", "cnn", "--out", "run"]
    done = torchcaps(*words, "--quiet", cwd=tmp_path, without=["HOME"])
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize(
    "language",
    [{"LC_ALL": "C"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}],
    ids=["C", "C, ASCII alone"],
)
def test_classes_of_other_scripts_are_told_in_any_language(model, picture, tmp_path, language):
    folder = model(classes=("猫", "собака", "عنز"))
    done = torchcaps("predict", folder, picture("a.png"), cwd=tmp_path, **language)
    assert (done.returncode, done.stderr) == (0, b"")
    text = done.stdout.decode()
    assert any(name in text for name in ("猫", "собака", "عنز", r"\u"))


@pytest.mark.parametrize(
    "words",
    ["train --resume run", "train --resume run --epochs 3", "train --out run --overwrite"],
)
def test_a_run_that_may_only_be_read_is_left_alone(refused, trained, tmp_path, words):
    run = shutil.copytree(trained, tmp_path / "run")
    os.chmod(run, 0o555)
    if os.access(run, os.W_OK):
        pytest.skip("this user may write everywhere")
    try:
        said = refused(*words.split(), "--quiet")
        assert said.startswith("Permission denied (run/")
        assert tc.load_model(run).name == "capsnet_small"
    finally:
        os.chmod(run, 0o755)
