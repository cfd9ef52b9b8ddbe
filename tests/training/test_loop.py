from math import cos, pi

import pytest
import torch
from safetensors.torch import load_file

import torchcaps as tc
from torchcaps.models import CNN, Calibration, CapsNet
from torchcaps.nn import CapsuleLoss
from torchcaps.training import evaluate, train
from torchcaps.training.calibrate import calibrate
from torchcaps.training.run_folder import read_metrics
from torchcaps.training.validation import Validation


def test_a_run_is_the_documented_folder(whole_run):
    files = {str(p.relative_to(whole_run)) for p in whole_run.rglob("*") if p.is_file()}
    model = {"model.safetensors", "config.json"}
    best = {f"best/{name}" for name in model}
    assert files == {"config.yaml", "metrics.jsonl", "checkpoint/state.safetensors", *model, *best}


@pytest.mark.parametrize("model", ["capsnet_small", "cnn"])
def test_training_learns_the_digits(recipe, tmp_path, model):
    options = {"stem_channels": 16, "types": 4, "decoder": "none"} if model != "cnn" else {}
    learning = recipe(model=model, train_images=800, lr=8e-3, model_options=options)
    lines = read_metrics(train(learning, tmp_path / "run", quiet=True))
    assert [line["epoch"] for line in lines] == [1, 2, 3]
    assert lines[0]["loss"] > lines[1]["loss"] > lines[2]["loss"]
    assert lines[0]["validation_loss"] > lines[2]["validation_loss"]
    assert lines[-1]["accuracy"] > 0.85


def test_a_decoder_learns_to_draw(whole_run):
    errors = [line["reconstruction_mse"] for line in read_metrics(whole_run)]
    assert errors[0] > errors[-1] > 0


def test_the_same_recipe_gives_the_same_run(recipe, whole_run, same_run, tmp_path):
    torch.manual_seed(1234)
    same_run(train(recipe(), tmp_path / "again", quiet=True), whole_run)


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 1},
        {"shift": 1},
        {"subpixel": True},
        {"flip": "vertical"},
        {"rotate": 9.0},
        {"brightness": 0.1},
        {"contrast": 0.1},
        {"lr": 2e-3},
        {"accumulate": 2},
        {"class_weights": "balanced"},
    ],
    ids=str,
)
def test_another_recipe_gives_another_run(recipe, whole_run, tmp_path, changes):
    other = train(recipe(epochs=1, **changes), tmp_path / "other", quiet=True)
    assert read_metrics(other)[0]["loss"] != read_metrics(whole_run)[0]["loss"]


def test_the_metrics_are_those_of_the_saved_weights(whole_run, recipe):
    """The run's own weights are the last epoch's, best/ those with the best validation."""
    lines = read_metrics(whole_run)
    validation = recipe().load_data("validation")
    for folder, line in (
        (whole_run, lines[-1]),
        (whole_run / "best", max(lines, key=lambda line: line["accuracy"])),
    ):
        model = tc.load_model(folder)
        found = evaluate(model, validation, model.make_loss())
        assert found.accuracy == line["accuracy"]
        assert found.loss == pytest.approx(line["validation_loss"], rel=1e-6)
        assert found.reconstruction_mse == pytest.approx(line["reconstruction_mse"], rel=1e-6)


def test_the_loss_of_an_epoch_is_the_mean_of_its_steps(recipe, tmp_path, monkeypatch):
    losses, honest = [], CapsuleLoss.forward

    def forward(self, out, images, labels):
        loss = honest(self, out, images, labels)
        if torch.is_grad_enabled():
            losses.append(loss.item())
        return loss

    monkeypatch.setattr(CapsuleLoss, "forward", forward)
    lines = read_metrics(train(recipe(epochs=2), tmp_path / "run", quiet=True))
    assert len(losses) == 8
    means = [sum(losses[:4]) / 4, sum(losses[4:]) / 4]
    assert [line["loss"] for line in lines] == pytest.approx(means)


def test_best_keeps_the_first_of_the_best_epochs(recipe, tmp_path, monkeypatch):
    accuracies = iter([0.5, 0.9, 0.9, 0.2])
    kept = []

    def scripted(*_):
        accuracy = next(accuracies)
        return Validation(accuracy, 1.0, None, accuracy)

    monkeypatch.setattr("torchcaps.training.loop.validate", scripted)
    save = tc.save_model
    monkeypatch.setattr(
        "torchcaps.training.run_state.save", lambda m, f: (kept.append(f.name), save(m, f))
    )
    train(recipe(epochs=4), tmp_path / "run", quiet=True)
    assert kept == ["run", "best", "run", "best", "run", "run"]


def test_the_rate_follows_the_schedule(recipe, tmp_path):
    """The epochs end with steps 3 and 7 of 0..7, on a cosine's way from 1 to 0."""
    run = train(recipe(epochs=2, schedule="cosine", lr=0.01), tmp_path / "run", quiet=True)
    found = [line["lr"] for line in read_metrics(run)]
    assert found == pytest.approx([0.01 * (1 + cos(pi * step / 8)) / 2 for step in (3, 7)])


def test_the_whole_seconds_of_an_epoch_hold_those_of_validation(recipe, tmp_path, monkeypatch):
    clock = iter(range(0, 10_000, 7))
    monkeypatch.setattr("torchcaps.training.loop.time.perf_counter", lambda: next(clock))
    (line,) = read_metrics(train(recipe(epochs=1), tmp_path / "run", quiet=True))
    assert (line["seconds"], line["seconds_total"]) == (7, 14)


def test_fewer_images_than_a_batch_are_one_batch(recipe, tmp_path):
    run = train(recipe(train_images=5, epochs=1), tmp_path / "run", quiet=True)
    assert len(read_metrics(run)) == 1


@pytest.mark.parametrize("quiet", [False, True])
def test_outside_a_terminal_an_epoch_is_a_line(recipe, tmp_path, capfd, quiet):
    train(recipe(epochs=2), tmp_path / "run", quiet=quiet)
    printed = capfd.readouterr()
    assert printed.out == ""
    lines = [line for line in printed.err.splitlines() if "epoch" in line]
    assert len(lines) == (0 if quiet else 2)
    if not quiet:
        assert lines[1].startswith("capsnet_small on digits: epoch 2/2, loss 0.")
        assert "validation" in lines[1]


def test_bf16_trains_float32_weights(recipe, tmp_path):
    run = train(recipe(epochs=1, precision="bf16"), tmp_path / "run", quiet=True)
    saved = load_file(run / "model.safetensors")
    assert {value.dtype for value in saved.values()} == {torch.float32}
    assert read_metrics(run)[0]["loss"] > 0


def test_validation_takes_no_more_images_at_once_than_training(recipe, tmp_path, monkeypatch):
    shown = []

    def forward(self, images, labels=None):
        shown.append(len(images))
        return plain(self, images, labels)

    plain = CNN.forward
    monkeypatch.setattr(CNN, "forward", forward)
    made = recipe(model="cnn", model_options={}, epochs=1, batch_size=32)
    train(made, tmp_path / "run", quiet=True)
    assert max(shown) == 32
    assert sum(shown) == 128 + 180


def test_one_pass_over_the_validation_images_serves_figures_and_calibration(
    recipe, tmp_path, monkeypatch
):
    shown, plain = [], CapsNet.forward

    def forward(self, images, labels=None):
        shown.append(len(images))
        return plain(self, images, labels)

    monkeypatch.setattr(CapsNet, "forward", forward)
    run = train(recipe(epochs=2), tmp_path / "run", quiet=True)
    assert sum(shown) == 2 * (128 + 180)
    monkeypatch.undo()
    found = tc.load_model(run)
    gain, found.calibration = found.gain, Calibration(1.0)
    calibrate(found, recipe().load_data("validation"))
    assert gain == pytest.approx(found.gain, rel=1e-4)
