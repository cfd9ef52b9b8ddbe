"""Runs on folders of more pictures than are held in memory."""

import json

import pytest
from PIL import Image

from torchcaps.cli.main import main
from torchcaps.training import Recipe, resume, train

pytestmark = pytest.mark.filterwarnings("ignore:.*are read from the disk")


@pytest.fixture
def pictures(tmp_path):
    """The recipe of a run on two classes of 24 pictures, read batch by batch."""
    for label in range(2):
        (tmp_path / "pictures" / f"{label}").mkdir(parents=True)
        for number in range(24):
            picture = Image.linear_gradient("L").rotate(90 * label + number).resize((10, 10))
            picture.save(tmp_path / "pictures" / f"{label}" / f"{number:02}.png")
    return Recipe(
        model="cnn", data="folder", root=str(tmp_path / "pictures"), epochs=2, batch_size=8,
        precision="fp32", data_options={"size": 8, "channels": 1}, model_options={"hidden": 4},
    )  # fmt: skip


@pytest.fixture
def hold(monkeypatch):
    """`hold(n)`: hold no more than n pictures."""
    return lambda n: monkeypatch.setattr("torchcaps.data.picture_files.HELD_BYTES", 64 * n)


def test_the_steps_are_those_of_pictures_that_are_held(pictures, hold, tmp_path, same_run):
    held = train(pictures, tmp_path / "held", quiet=True)
    hold(8)
    same_run(held, train(pictures, tmp_path / "read", quiet=True))


def test_what_was_interrupted_goes_on_to_the_same_weights(
    pictures, hold, tmp_path, ctrl_c, same_run
):
    hold(8)
    whole = train(pictures, tmp_path / "whole", quiet=True)
    ctrl_c(lambda: train(pictures, tmp_path / "run"), (2, 1))
    same_run(whole, resume(tmp_path / "run", quiet=True))


def test_it_is_evaluated(pictures, hold, tmp_path, capsys):
    hold(8)
    run = train(pictures, tmp_path / "run", quiet=True)
    assert main(["evaluate", str(run), "--split", "train", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["images"] == 32


def test_a_picture_that_disappears_ends_the_run_in_a_line(
    pictures, hold, tmp_path, monkeypatch, capsys
):
    hold(8)
    step = "torchcaps.training.progress.TrainingProgress.step"
    folder = tmp_path / "pictures" / "0"
    monkeypatch.setattr(step, lambda *_: [file.unlink() for file in folder.iterdir()])
    pictures.save(tmp_path / "recipe.yaml")
    words = ["train", "--config", str(tmp_path / "recipe.yaml"), "--out", str(tmp_path / "run")]
    assert main(words) == 2
    said = capsys.readouterr().err.splitlines()
    assert "png: expected a picture file; got nothing there; check the path" in said[-1]
