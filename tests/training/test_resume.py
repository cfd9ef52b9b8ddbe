"""An interrupted run ends with the very bits of one that was left alone."""

import shutil

import pytest
import torch
from PIL import Image

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
    "SGD, momentum": {"optimizer": "SGD", "optimizer_options": {"momentum": 0.9}, "lr": 0.1},
    "AdamW, clipped": {"optimizer": "AdamW", "weight_decay": 0.1, "clip": 0.1},
    "RMSprop, warm-up": {"optimizer": "RMSprop", "warmup": 1.5},
    "NAdam": {"optimizer": "NAdam"},
    "Adagrad, step": {
        "optimizer": "Adagrad",
        "schedule": "StepLR",
        "schedule_options": {"step_size": 1},
    },
    "accumulated": {"accumulate": 3},
    "accumulated, all in one": {"accumulate": 9},
    "balanced": {"class_weights": "balanced"},
    "balanced by drawing": {"sampling": "balanced", "against_rest": "7"},
    "augmented": {"flip": "both", "rotate": 20.0, "brightness": 0.3, "contrast": 0.3},
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


@pytest.mark.parametrize(("place", "stopped"), [((1, 2), 3), ((1, 3), 3), ((2, 1), 3)], ids=str)
def test_a_step_of_several_batches_is_finished_before_the_run_stops(
    recipe, same_run, ctrl_c, tmp_path, place, stopped
):
    made = recipe(epochs=2, accumulate=3, clip=0.5)
    whole = train(made, tmp_path / "whole", quiet=True)
    said = ctrl_c(lambda: train(made, tmp_path / "run", quiet=True), place)
    assert f"stopped after epoch {place[0] - 1}, batch {stopped};" in said
    same_run(resume(tmp_path / "run", quiet=True), whole)


def test_a_checkpoint_between_the_batches_of_a_step_is_refused(recipe, ctrl_c, tmp_path):
    ctrl_c(lambda: train(recipe(), tmp_path / "run", quiet=True), (2, 2))
    recipe(accumulate=3).save(tmp_path / "run" / "config.yaml")
    with pytest.raises(ValueError, match=r"expected a place within .* batch 2; config.yaml or the"):
        resume(tmp_path / "run", quiet=True)


def test_a_run_of_another_optimizer_is_not_resumed(recipe, ctrl_c, tmp_path):
    ctrl_c(lambda: train(recipe(), tmp_path / "run", quiet=True), (2, 2))
    recipe(optimizer="RMSprop").save(tmp_path / "run" / "config.yaml")
    with pytest.raises(ValueError, match="expected one that torchcaps wrote; got a damaged or for"):
        resume(tmp_path / "run", quiet=True)


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


@pytest.mark.parametrize("place", [(1, 1), (2, 1)], ids=["no epoch", "an epoch"])
@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ("cat", "zebra", r"got .*\(dog, zebra\): zebra unknown; take data of the same classes"),
        ("cat", None, r"got .*\(dog, hen\): cat missing; take data of the same classes"),
    ],
)
def test_data_whose_class_folders_changed_do_not_resume(
    recipe, ctrl_c, tmp_path, place, old, new, text
):
    names = ["cat", "dog"] if new else ["cat", "dog", "hen"]
    for level, name in enumerate(names):
        (tmp_path / name).mkdir()
        for k in range(32):
            Image.new("L", (8, 8), 100 * level).save(tmp_path / name / f"{k}.png")
    changes = {"root": str(tmp_path), "train_images": None, "batch_size": 8, "model_options": {}}
    made = recipe(data="folder", data_options={"size": 8}, model="cnn", **changes)
    run = tmp_path / ".run"
    ctrl_c(lambda: train(made, run, quiet=True), place)
    if new:
        (tmp_path / old).rename(tmp_path / new)
    else:
        shutil.rmtree(tmp_path / old)
    with pytest.raises(ValueError, match=rf"--resume .*run: expected the classes .*{text}"):
        resume(run, quiet=True)


def test_what_is_no_run_cannot_be_resumed(tmp_path):
    with pytest.raises(ValueError, match=r"config.yaml of a run; got FileNotFoundError"):
        resume(tmp_path, quiet=True)


def test_a_run_stopped_before_its_first_checkpoint_begins(whole_run, same_run, tmp_path):
    """The first line of metrics is written before the first checkpoint."""
    shutil.copy(whole_run / "config.yaml", tmp_path)
    append_metrics(tmp_path, {"epoch": 1, "loss": 1.0})
    (tmp_path / ".model.safetensors.12.tmp").write_text("half")
    same_run(resume(tmp_path, quiet=True), whole_run)
    assert list(tmp_path.rglob("*.tmp")) == []


def test_a_run_that_lost_its_checkpoint_is_not_begun_again_unasked(whole_run, tmp_path):
    run = shutil.copytree(whole_run, tmp_path / "run")
    (run / "checkpoint" / "state.safetensors").unlink()
    with pytest.raises(
        ValueError, match=r"the file of a run that finished an epoch; there is none"
    ):
        resume(run, quiet=True)
    assert len(read_metrics(run)) == 3


def test_a_model_that_went_missing_is_written_from_the_checkpoint(whole_run, same_run, tmp_path):
    run = shutil.copytree(whole_run, tmp_path / "run")
    (run / "model.safetensors").unlink()
    same_run(resume(run, quiet=True), whole_run)


@pytest.mark.parametrize("changes", [{"epochs": 2}, {"batch_size": 128}], ids=str)
def test_a_checkpoint_beyond_the_end_of_its_run_is_refused(ctrl_c, recipe, tmp_path, changes):
    ctrl_c(lambda: train(recipe(), tmp_path / "run", quiet=True), (3, 2))
    recipe(**changes).save(tmp_path / "run" / "config.yaml")
    with pytest.raises(
        ValueError, match=r"expected a place within \d epochs of \d batches; got epo"
    ):
        resume(tmp_path / "run", quiet=True)


def test_more_epochs_continue_a_finished_run(recipe, whole_run, same_run, tmp_path):
    run = train(recipe(epochs=1), tmp_path / "run", quiet=True)
    same_run(resume(run, epochs=3, quiet=True), whole_run)


def test_more_epochs_go_on_with_a_schedule_that_does_not_look_at_the_end(
    recipe, same_run, tmp_path
):
    made = {"schedule": "ExponentialLR", "schedule_options": {"gamma": 0.5}, "warmup": 1.5}
    whole = train(recipe(epochs=3, **made), tmp_path / "whole", quiet=True)
    run = train(recipe(epochs=1, **made), tmp_path / "run", quiet=True)
    same_run(resume(run, epochs=3, quiet=True), whole)


def test_a_schedule_that_looks_at_the_end_is_not_extended(recipe, tmp_path):
    run = train(recipe(epochs=1, schedule="cosine"), tmp_path / "run", quiet=True)
    with pytest.raises(
        ValueError, match="expected 1, since the cosine schedule of the epochs done"
    ):
        resume(run, epochs=3, quiet=True)
    with pytest.raises(ValueError, match="expected at least 3, as the run has; got 2"):
        recipe(schedule="sabour2017").extended(2)


@pytest.mark.parametrize("line", ["NaN", "7", "[" * 5000, '{"epoch": 3}'])
def test_damaged_metrics_are_refused_and_nothing_is_changed(whole_run, tmp_path, line):
    run = shutil.copytree(whole_run, tmp_path / "run")
    lines = (run / "metrics.jsonl").read_text().splitlines()
    (run / "metrics.jsonl").write_text("\n".join([lines[0], line, lines[2]]))
    before = {p: p.read_bytes() for p in run.rglob("*") if p.is_file()}
    with pytest.raises(
        ValueError, match="each of the 3 epochs that the checkpoint has; got 1 whole"
    ):
        resume(run, quiet=True)
    assert {p: p.read_bytes() for p in run.rglob("*") if p.is_file()} == before
