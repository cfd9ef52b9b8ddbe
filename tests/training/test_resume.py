"""An interrupted run ends with the very bits of one that was left alone."""

import shutil

import pytest
import torch

from torchcaps.training import resume, train
from torchcaps.training.run_folder import append_metrics, read_metrics

PLACES = {
    "in the first epoch": [(1, 2)],
    "in the middle": [(2, 3)],
    "after the first batch": [(2, 1)],
    "at an epoch's end": [(1, 4)],
    "twice": [(1, 3), (3, 1)],
}
RECIPES = {
    "shifted": {"shift": 2, "subpixel": True},
    "bf16, channels last": {"precision": "bf16"},
    "cnn, cosine": {"model": "cnn", "model_options": {"hidden": 8}, "schedule": "cosine"},
    "a batch left over": {"train_images": 90, "seed": 3},
}


def interrupted_run(ctrl_c, recipe, folder, places):
    ctrl_c(lambda: train(recipe, folder, quiet=True), places[0])
    for place in places[1:]:
        torch.manual_seed(77)
        ctrl_c(lambda: resume(folder, quiet=True), place)
    torch.manual_seed(99)
    return resume(folder, quiet=True)


@pytest.mark.parametrize("places", PLACES.values(), ids=PLACES)
def test_a_run_interrupted_anywhere_ends_the_same(
    recipe, whole_run, same_run, ctrl_c, tmp_path, places
):
    same_run(interrupted_run(ctrl_c, recipe(), tmp_path / "run", places), whole_run)


@pytest.mark.parametrize("changes", RECIPES.values(), ids=RECIPES)
def test_any_recipe_resumes_to_the_same(recipe, same_run, ctrl_c, tmp_path, changes):
    made = recipe(epochs=2, **changes)
    whole = train(made, tmp_path / "whole", quiet=True)
    same_run(interrupted_run(ctrl_c, made, tmp_path / "run", [(2, 1)]), whole)


def test_ctrl_c_says_where_it_stopped_and_how_to_go_on(recipe, ctrl_c, tmp_path):
    folder = tmp_path / "run"
    text = ctrl_c(lambda: train(recipe(), folder, quiet=True), (2, 3))
    said = "stopped after epoch 1, batch 3; continue with: torchcaps train --resume"
    assert text == f"{said} {folder}"
    assert [line["epoch"] for line in read_metrics(folder)] == [1]


def test_ctrl_c_in_the_last_step_finishes_the_run(recipe, whole_run, same_run, tmp_path, ctrl_c):
    """And is not lost: a study must not begin its next run."""
    folder = tmp_path / "run"
    text = ctrl_c(lambda: train(recipe(), folder, quiet=True), (3, 4))
    assert text == f"stopped after the last epoch; {folder} is finished"
    same_run(folder, whole_run)


def test_a_finished_run_is_left_as_it_is(whole_run, same_run, tmp_path):
    run = shutil.copytree(whole_run, tmp_path / "run")
    same_run(resume(run, quiet=True), whole_run)


def test_lines_written_after_the_checkpoint_are_written_again(
    recipe, whole_run, same_run, ctrl_c, tmp_path
):
    """A crash can fall between the metrics of an epoch and its checkpoint, or cut a line."""
    run = tmp_path / "run"
    ctrl_c(lambda: train(recipe(), run, quiet=True), (3, 2))
    append_metrics(run, {"epoch": 3, "loss": 1.0})
    with open(run / "metrics.jsonl", "a") as file:
        file.write('{"epoch": 4, "lo')
    same_run(resume(run, quiet=True), whole_run)


@pytest.mark.parametrize(
    ("files", "text"),
    [
        ([], "config.yaml: expected the config.yaml of a run; got FileNotFoundError"),
        (["config.yaml"], "state.safetensors: expected a file to resume from; there is none"),
    ],
)
def test_what_is_no_run_cannot_be_resumed(whole_run, tmp_path, files, text):
    for name in files:
        shutil.copy(whole_run / name, tmp_path)
    with pytest.raises(ValueError, match=text):
        resume(tmp_path, quiet=True)
