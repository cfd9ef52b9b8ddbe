"""A run that ends when nothing gets better."""

import shutil

import pytest

import torchcaps as tc
from torchcaps.training import evaluate, resume, train
from torchcaps.training.evaluation import Evaluation
from torchcaps.training.run_folder import read_metrics


@pytest.fixture
def script(monkeypatch):
    """`script(0.5, 0.9)`: the validation accuracies of the epochs to come."""

    def write(*accuracies):
        left = iter(accuracies)

        def scripted(*_, collect, **__):
            collect(*scored)
            accuracy = next(left)
            return Evaluation(accuracy, 1.0, None, 180, accuracy)

        monkeypatch.setattr("torchcaps.training.validation.evaluate", scripted)

    dataset = tc.load_dataset("digits", "validation").first(4)
    model = tc.create_model("cnn", dataset.in_shape, dataset.num_classes)
    scored = model(dataset.images).scores.detach(), dataset.labels
    return write


def test_it_stops_after_so_many_epochs_without_a_better_one(recipe, tmp_path, script, capfd):
    script(0.5, 0.7, 0.7, 0.6, 0.9)
    run = train(recipe(epochs=9, patience=2), tmp_path / "run")
    assert [line["accuracy"] for line in read_metrics(run)] == [0.5, 0.7, 0.7, 0.6]
    said = capfd.readouterr().err.splitlines()[-1]
    assert said == (
        f"stopped early: validation was best in epoch 2 of 4; its weights are in {run / 'best'}"
    )


def test_the_best_weights_are_those_of_the_best_epoch(recipe, tmp_path):
    run = train(recipe(epochs=8, patience=1, lr=0.02), tmp_path / "run", quiet=True)
    best = max(line["accuracy"] for line in read_metrics(run))
    model = tc.load_model(run / "best")
    assert evaluate(model, recipe().load_data("validation"), model.make_loss()).accuracy == best


def test_a_better_epoch_begins_the_count_anew(recipe, tmp_path, script):
    script(0.5, 0.4, 0.6, 0.5, 0.7, 0.7)
    run = train(recipe(epochs=6, patience=2), tmp_path / "run", quiet=True)
    assert len(read_metrics(run)) == 6


def test_the_count_goes_on_where_a_run_was_interrupted(recipe, tmp_path, script, ctrl_c, same_run):
    script(0.5, 0.4, 0.3, 0.9)
    made = recipe(epochs=9, patience=2)
    whole = train(made, tmp_path / "whole", quiet=True)
    assert len(read_metrics(whole)) == 3
    script(0.5, 0.4, 0.3, 0.9)
    ctrl_c(lambda: train(made, tmp_path / "run", quiet=True), (3, 2))
    same_run(resume(tmp_path / "run", quiet=True), whole)


@pytest.mark.parametrize("epochs", [None, 20])
def test_a_run_that_stopped_early_stays_as_it_is(recipe, tmp_path, script, epochs):
    script(0.5, 0.4)
    run = train(recipe(epochs=9, patience=1), tmp_path / "run", quiet=True)
    before = (run / "checkpoint" / "state.safetensors").read_bytes()
    copy = shutil.copytree(run, tmp_path / "copy")
    resume(copy, epochs=epochs, quiet=True)
    assert (copy / "checkpoint" / "state.safetensors").read_bytes() == before
    assert len(read_metrics(copy)) == 2
