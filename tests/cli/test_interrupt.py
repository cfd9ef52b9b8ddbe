"""Ctrl-C, SIGTERM and SIGHUP: 128 + the signal, a command to go on with, and it works."""

import shlex
import signal
import subprocess
import sys

import pytest

from torchcaps.training.loop import _Loop

SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
TINY = ["--train-images", "96", "--batch-size", "32", "--epochs", "2", "--quiet"]
FP32 = ["--precision", "fp32"]  # what is measured fastest may differ between two runs


@pytest.fixture
def press(monkeypatch):
    """press(n): a signal at the n-th training step from now; steps after it count too."""
    plain = _Loop.step
    steps = []

    def at(*presses, number=signal.SIGINT):
        steps.clear()

        def step(self, *arguments):
            steps.append(1)
            if len(steps) in presses:
                signal.raise_signal(number)
            return plain(self, *arguments)

        monkeypatch.setattr(_Loop, "step", step)
        return steps

    return at


def command(said):
    """The words of the command that the message ends with."""
    text = said.err.partition("continue with: ")[2]
    words = shlex.split(text)
    assert words[0] == "torchcaps"
    return words[1:]


@pytest.mark.parametrize("number", SIGNALS)
def test_training_stops_and_goes_on_to_the_same_weights(cli, press, tmp_path, number):
    press()
    cli("train", *TINY, *FP32, "--out", "whole")
    press(2, number=number)
    said = cli("train", *TINY, *FP32, "--out", "run")
    assert (said.code, said.out) == (128 + number, "")
    assert said.err == (
        "torchcaps: stopped after epoch 0, batch 2; continue with: torchcaps train --resume run\n"
    )
    steps = press()
    assert cli(*command(said), "--quiet").code == 0
    assert len(steps) == 4
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("whole", "run")]
    assert weights[0] == weights[1]


@pytest.mark.parametrize(
    ("at", "number"), [(2, signal.SIGINT), (8, signal.SIGTERM)], ids=["first model", "second model"]
)
def test_a_study_stops_and_goes_on_as_a_study(cli, press, tmp_path, at, number):
    words = ["--seeds", 1, "--angles", "[0]", "--out", "s"]
    words += ["--model", "cnn", "--beside", "[capsnet_small]"]
    press(at, number=number)
    said = cli("study", "rotation", *TINY, *words)
    assert said.code == 128 + number
    assert said.err.endswith("stopped; continue with: torchcaps study rotation --resume s\n")
    steps = press()
    assert cli(*command(said), "--quiet").code == 0
    assert len(steps) == 12 - at
    assert (tmp_path / "s" / "report.html").is_file()


@pytest.mark.parametrize("number", SIGNALS)
def test_a_study_stops_between_its_trainings_too(cli, monkeypatch, number):
    monkeypatch.setattr(
        "torchcaps.studies.experiment.trained", lambda *_, **__: signal.raise_signal(number)
    )
    words = ["--seeds", 1, "--angles", "[0]", "--out", "s"]
    said = cli("study", "rotation", *TINY, *words)
    assert said.code == 128 + number
    assert said.err.endswith("stopped; continue with: torchcaps study rotation --resume s\n")


def test_a_second_press_stops_at_once(cli, press):
    press(1)
    before = signal.getsignal(signal.SIGINT)

    def step(self, *arguments):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_Loop, "step", step)
        said = cli("train", *TINY, "--out", "run")
    remedy = "continue with: torchcaps train --resume run"
    assert said == (130, "", f"torchcaps: stopped at once; {remedy}\n")
    assert signal.getsignal(signal.SIGINT) is before
    press()
    assert cli(*command(said), "--quiet").code == 0


PRESSED_AT_AN_IMPORT = """
import os, signal, sys
count, pressed_at = 0, int(sys.argv.pop(1))
{load}
def audit(event, arguments):
    global count
    count += event == "import"
    if event == "import" and count == pressed_at:
        os.kill(os.getpid(), signal.SIGINT)
sys.addaudithook(audit)
{begin}
"""
CONSOLE = {"load": "from torchcaps.__main__ import main", "begin": "sys.exit(main())"}
MODULE = {
    "load": "import runpy, torchcaps.interrupt",
    "begin": "runpy.run_module('torchcaps', run_name='__main__', alter_sys=True)",
}


@pytest.mark.parametrize("pressed_at", [2, 10, 40, 100, 300, 600, 900, 1200, 1500])
@pytest.mark.parametrize("door", [CONSOLE, MODULE], ids=["console", "module"])
def test_ctrl_c_during_imports_is_one_line(tmp_path, door, pressed_at):
    """Some imports of torch turn an exception into another, or into nothing."""
    code = PRESSED_AT_AN_IMPORT.format(**door)
    command = [sys.executable, "-c", code, str(pressed_at), "train", *TINY, "--out", tmp_path / "r"]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "torchcaps: stopped\n")
    assert list(tmp_path.iterdir()) == []
