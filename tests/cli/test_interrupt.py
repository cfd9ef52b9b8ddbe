"""Ctrl-C: exit code 130, a command to go on with, and that command works."""

import shlex
import signal

import pytest

from torchcaps.training.loop import _Loop

TINY = ["--train-images", "96", "--batch-size", "32", "--epochs", "2", "--quiet"]


@pytest.fixture
def press(monkeypatch):
    """press(n): Ctrl-C at the n-th training step from now; steps after it count too."""
    plain = _Loop.step
    steps = []

    def at(*presses):
        steps.clear()

        def step(self, *arguments):
            steps.append(1)
            if len(steps) in presses:
                signal.raise_signal(signal.SIGINT)
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


def test_training_stops_and_goes_on_to_the_same_weights(cli, press, tmp_path):
    press()
    words = ["train", *TINY, "--precision", "fp32"]  # auto may choose otherwise on a busy machine
    cli(*words, "--out", "whole")
    press(2)
    said = cli(*words, "--out", "run")
    assert (said.code, said.out) == (130, "")
    assert said.err == (
        "torchcaps: stopped after epoch 0, batch 2; continue with: torchcaps train --resume run\n"
    )
    steps = press()
    assert cli(*command(said), "--quiet").code == 0
    assert len(steps) == 4
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("whole", "run")]
    assert weights[0] == weights[1]


@pytest.mark.parametrize("at", [2, 8], ids=["first model", "second model"])
def test_a_study_stops_and_goes_on_as_a_study(cli, press, tmp_path, at):
    words = ["--seeds", 1, "--angles", "[0]", "--out", "s"]
    words += ["--model", "cnn", "--beside", "[capsnet_small]"]
    press(at)
    said = cli("study", "rotation", *TINY, *words)
    assert said.code == 130
    assert said.err.endswith("stopped; continue with: torchcaps study rotation --resume s\n")
    steps = press()
    assert cli(*command(said), "--quiet").code == 0
    assert len(steps) == 12 - at
    assert (tmp_path / "s" / "report.html").is_file()


def test_a_second_press_stops_at_once(cli, press):
    press(1)
    before = signal.getsignal(signal.SIGINT)

    def step(self, *arguments):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_Loop, "step", step)
        said = cli("train", *TINY, "--out", "run")
    assert said == (130, "", "torchcaps: stopped\n")
    assert signal.getsignal(signal.SIGINT) is before
