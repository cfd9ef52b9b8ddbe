"""`torchcaps train`: a recipe in, a run folder out."""

import json

import torch

import torchcaps as tc
from torchcaps.training import Recipe, train

TINY = ["--train-images", "64", "--batch-size", "32", "--epochs", "1", "--quiet"]
TINY += ["--precision", "fp32"]  # what is measured fastest may differ between two runs


def test_a_run_is_a_folder_and_the_recipe_is_followed(cli, tmp_path):
    said = cli("train", *TINY, "--seed", 3, "--model-options", "{iterations: 2}", "--out", "run")
    assert said == (0, "run\ntest it with: torchcaps evaluate run\n", "")
    run = tmp_path / "run"
    files = {str(p.relative_to(run)) for p in run.rglob("*") if p.is_file()}
    assert files == {
        "config.yaml", "metrics.jsonl", "config.json", "model.safetensors", "learning_curve.png",
        "best/config.json", "best/model.safetensors", "checkpoint/state.safetensors",
    }  # fmt: skip
    recipe = Recipe(
        train_images=64,
        batch_size=32,
        epochs=1,
        seed=3,
        precision="fp32",
        model_options={"iterations": 2},
    )
    assert Recipe.load(run / "config.yaml") == recipe
    again = tc.load_model(train(recipe, tmp_path / "again", quiet=True))
    for name, value in tc.load_model(run).state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name


def test_the_default_folder_tells_model_data_and_seed(cli, tmp_path):
    said = cli("train", *TINY, "--model", "cnn", "--seed", 5)
    assert said.out.startswith("runs/cnn-digits-5\n")
    assert tc.load_model(tmp_path / "runs" / "cnn-digits-5").name == "cnn"


def test_with_patience_the_best_weights_are_named_and_the_curve_is_drawn_again(cli, tmp_path):
    words = ["--train-images", "64", "--quiet", "--epochs", "3", "--patience", "3"]
    said = cli("train", *words, "--out", "run")
    assert said == (0, "run\ntest it with: torchcaps evaluate run/best\n", "")
    curve = tmp_path / "run" / "learning_curve.png"
    before = curve.read_bytes()
    assert cli("train", "--resume", "run", "--epochs", "4", "--quiet").code == 0
    assert curve.read_bytes() != before
    assert cli("train", *words, "--out", "run", "--overwrite").code == 0


def test_an_epoch_is_a_line_and_quiet_is_silent(cli):
    loud = [word for word in TINY if word != "--quiet"]
    said = cli("train", *loud, "--out", "run")
    contents, epoch = said.err.splitlines()
    assert contents.startswith("training on 64 images (0: 5, 1: 5, ")
    assert "; validation on 180 images (0: 18, " in contents
    assert epoch.startswith("capsnet_small on digits: epoch 1/1, loss 0.")
    assert "validation" in epoch


def test_a_loss_that_becomes_nan_ends_with_1_and_the_remedy(cli):
    said = cli("train", *TINY[:4], "--epochs", 2, "--quiet", "--model", "cnn", "--lr", 1e30)
    assert said.code == 1
    assert said.err.startswith("torchcaps: the loss became nan in epoch 1, step 2 (the step befo")
    assert said.err.endswith("try a smaller lr, precision fp32, or fewer routing iterations\n")


def test_a_tracker_that_is_not_installed_is_refused_with_the_remedy(refused, tmp_path, monkeypatch):
    monkeypatch.setattr("accelerate.tracking.get_available_trackers", lambda: [])
    for tracker, absent in (
        ("tensorboard", "which is not"), ("wandb", "which is not"), ("all", "none of which is"),
    ):  # fmt: skip
        assert refused("train", *TINY, "--log", tracker, "--out", "run") == (
            f"train, log: expected an installed tracker; got {tracker!r}, {absent} installed; "
            "run: pip install 'torchcaps[log]' for tensorboard, or leave it out"
        )
    assert not (tmp_path / "run").exists()
    said = refused("train", *TINY, "--log", "tensorbord", "--out", "run")
    assert said.startswith("train, log: expected one of tensorboard, all, aim, ")
    assert said.endswith("; got 'tensorbord'; did you mean 'tensorboard'?")


def test_a_folder_of_pictures_becomes_a_model_that_knows_their_names(cli, zoo, tmp_path):
    options = ["--data", "folder", "--root", zoo, "--data-options.size", "10"]
    assert cli("train", *TINY[2:], *options, "--out", "run").code == 0
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config["in_shape"] == [3, 10, 10]
    assert config["classes"] == ["[red]cat", "d$g"]
    said = cli("predict", "run", zoo / "[red]cat" / "1.png")
    assert said.words[-4] in ("[red]cat", "d$g")
    assert "[red]cat/1.png" in said.out
    said = cli("evaluate", "run", "--split", "validation")
    assert "4 of folder, validation" in said.out
