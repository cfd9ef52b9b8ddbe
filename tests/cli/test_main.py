"""The door: help, version, unknown names, exit codes."""

import os
import subprocess
import sys

import pytest

import torchcaps as tc
from torchcaps.cli.commands import COMMANDS
from torchcaps.cli.main import main
from torchcaps.data.catalogue import DATASETS as DATA
from torchcaps.studies import STUDIES

KNOWN = ", ".join(COMMANDS)
MODELS = ", ".join(tc.list_models())
STUDY_NAMES = ", ".join(STUDIES)
DATASETS = ", ".join(DATA)
MEANT = "unknown {} {!r}; known: {}; did you mean {!r}?".format
NAMES = {
    "trian": MEANT("command", "trian", KNOWN, "train"),
    "nope": f"unknown command 'nope'; known: {KNOWN}",
    "--vesion": MEANT("option", "--vesion", "--help, --version", "--version"),
    "study rotaton": MEANT("study", "rotaton", STUDY_NAMES, "rotation"),
    "train --model capsnt": MEANT("model", "capsnt", MODELS, "capsnet"),
    "train --data digit": MEANT("dataset", "digit", DATASETS, "digits"),
    "train --modle cnn": "unknown option --modle; did you mean --model?",
    "train --train-imges=5": "unknown option --train-imges=5; did you mean --train-images?",
    "evaluate run --josn": "unknown option --josn; did you mean --json?",
    "models --xyz": "unknown option --xyz; see torchcaps models --help",
    "train stray": "unknown argument stray; see torchcaps train --help",
    "evaluate": "the following arguments are required: model; see torchcaps evaluate --help",
    "completion fish": (
        "shell: expected one of 'bash', 'zsh'. Got value: fish; see torchcaps completion --help"
    ),
    "train --data folder": (
        "load_dataset 'folder', root: expected a folder with one folder for each class; got none; "
        "name it: root in Python, --root on the command line"
    ),
    "predict run": "the following arguments are required: images; see torchcaps predict --help",
}


@pytest.mark.parametrize("words", [(), ("-h",), ("--help",)])
def test_help_lists_every_command(cli, words):
    said = cli(*words)
    assert said.code == 0
    for name in COMMANDS:
        assert f"  {name} " in said.out
        assert COMMANDS.about(name) in said.out


def test_the_version_is_the_packages(cli):
    assert cli("--version") == (0, f"torchcaps {tc.__version__}\n", "")


def test_it_is_a_program_too(tmp_path):
    command = [sys.executable, "-m", "torchcaps", "datasets", "--nope"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "torchcaps: unknown option --nope; see torchcaps datasets --help\n"


def test_a_reader_that_leaves_early_is_no_failure_to_report(tmp_path):
    """As in `torchcaps models | head -1`."""
    command = [sys.executable, "-m", "torchcaps", "datasets"]
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as gone:
        done = subprocess.run(command, stdout=gone, stderr=subprocess.PIPE, text=True, timeout=120)
    assert done.stderr == ""


@pytest.mark.parametrize(("words", "text"), NAMES.items(), ids=NAMES)
def test_an_unknown_name_lists_the_nearest(refused, words, text):
    assert refused(*words.split()) == text


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (ValueError("wrong"), 2, "wrong"),
        (FileNotFoundError("no MNIST; put it there"), 2, "no MNIST; put it there"),
        (ArithmeticError("the loss became nan"), 1, "the loss became nan"),
        (
            RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB."),
            1,
            "memory ran out; take a smaller --batch-size (in training, --accumulate keeps the step "
            "as it was) or another --device",
        ),
        (KeyboardInterrupt("continue with X"), 130, "continue with X"),
        (KeyboardInterrupt(), 130, "stopped"),
        (
            PermissionError(13, "Permission denied", "/there"),
            2,
            "Permission denied (/there); check who may read and write it (ls -l), or choose "
            "another folder",
        ),
    ],
)
def test_each_kind_of_end_has_its_exit_code(cli, monkeypatch, error, code, text):
    def fail(options):
        raise error

    monkeypatch.setattr("torchcaps.cli.models.run", fail)
    assert cli("models") == (code, "", f"torchcaps: {text}\n")


def test_a_mistake_of_ours_is_not_dressed_up_as_the_users(monkeypatch):
    monkeypatch.setattr("torchcaps.cli.models.run", lambda options: {}["bug"])
    with pytest.raises(KeyError):
        main(["models"])
