"""--device: where the command's model runs, and names that are refused."""

import json

import pytest
import torch

import torchcaps as tc

TINY = ["--train-images", "64", "--batch-size", "32", "--epochs", "1", "--quiet"]


@pytest.fixture
def moved(monkeypatch):
    """The devices that models are moved to."""
    devices, plain = [], torch.nn.Module.to

    def to(self, *arguments, **options):
        devices.extend(a for a in arguments if isinstance(a, torch.device))
        return plain(self, *arguments, **options)

    monkeypatch.setattr(torch.nn.Module, "to", to)
    return devices


@pytest.mark.parametrize(
    "command", ["train", "study rotation --seeds 1", "evaluate {run}", "predict {run} {picture}",
                "explore {run} --no-browser"],
)  # fmt: skip
def test_a_device_that_is_not_here_is_refused_in_a_line(
    refused, trained, picture, tmp_path, command, monkeypatch
):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    words = command.format(run=trained, picture=picture("a.png")).split()
    more = TINY if words[0] in ("train", "study") else []
    text = refused(*words, *more, "--device", "cuda:1")
    assert text.startswith("device: expected one that torch finds here (")
    assert "; got 'cuda:1'; take auto" in text
    assert refused(*words, *more, "--device", "gpu").startswith("device: expected auto, cpu, cuda,")
    assert not (tmp_path / "runs").exists()


def test_every_command_runs_on_the_device_it_was_given(cli, moved, trained, picture, monkeypatch):
    cpu = torch.device("cpu")
    assert cli("train", *TINY, "--model", "cnn", "--device", "cpu", "--out", "run").code == 0
    assert moved[0] == cpu
    for words in (["evaluate", trained, "--json"], ["predict", trained, picture("a.png")]):
        moved.clear()
        assert cli(*words, "--device", "cpu").code == 0
        assert set(moved) == {cpu}
    moved.clear()
    monkeypatch.setattr("torchcaps.cli.explore.serve", lambda explorer, *_: None)
    monkeypatch.setattr("torch.set_num_threads", lambda count: None)
    assert cli("explore", trained, "--port", 0, "--no-browser", "--device", "cpu").code == 0
    assert set(moved) == {cpu}


def test_a_study_trains_and_tests_on_its_device(cli, moved, tmp_path):
    words = ["--seeds", 1, "--angles", "[0]", "--model", "cnn", "--beside", "[pooled_cnn]"]
    assert cli("study", "rotation", *TINY, *words, "--device", "cpu", "--out", "s").code == 0
    assert moved.count(torch.device("cpu")) >= 4  # two models, to be trained and to be tested
    assert "device" not in json.loads((tmp_path / "s" / "results.json").read_text())["settings"]
    assert cli("study", "rotation", "--resume", "s", "--quiet", "--device", "cpu").code == 0


def test_images_follow_the_model(trained, picture, cli, monkeypatch):
    """On a device without numbers: the images arrive there with the model."""
    meta, seen = torch.device("meta"), []
    monkeypatch.setattr("torchcaps.cli.predict.resolve_device", lambda name: meta)
    plain = tc.models.CapsNet.forward

    def forward(self, images, labels=None):
        seen.append((images.device, next(self.parameters()).device))
        raise ValueError("far enough")

    monkeypatch.setattr(tc.models.CapsNet, "forward", forward)
    assert plain is not forward
    assert cli("predict", trained, picture("a.png")).code == 2
    assert seen == [(meta, meta)]
