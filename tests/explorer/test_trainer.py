"""Training beside the server: started once, followed, ended, and told when it fails."""

import json
import subprocess
import sys
import time

import pytest
from starlette.testclient import TestClient

from torchcaps.explorer import trainer
from torchcaps.explorer.server import make_app
from torchcaps.explorer.state import Explorer
from torchcaps.explorer.trainer import RECIPES
from torchcaps.explorer.workspaces import load_workspace
from torchcaps.studies.faces.study import FacesOptions
from torchcaps.training import Recipe
from torchcaps.training.lock import LOCK

from .conftest import numbered, save_run

SMALL = {"hidden": 4, "channels": [2, 2]}
TINY = Recipe(model="cnn", train_images=64, epochs=1, model_options=SMALL)


@pytest.fixture
def recipes(monkeypatch):
    """Two small recipes for the digits."""
    chosen = (TINY, Recipe(model="capsnet_small", epochs=1))
    monkeypatch.setitem(RECIPES, "digits", chosen)
    return chosen


@pytest.fixture
def explorer(recipes, tmp_path):
    made = Explorer({"digits": load_workspace("digits", [], recipes[0])}, tmp_path / "runs")
    yield made
    made.close()


@pytest.fixture
def client(explorer):
    return TestClient(make_app(explorer), base_url="http://localhost")


@pytest.fixture
def fake(monkeypatch, tmp_path):
    """fake("code"): the code runs in the place of `torchcaps train`; `folder` is its run."""

    def put(code):
        lines = f"import json, pathlib, sys, time; folder = pathlib.Path(sys.argv[1])\n{code}"

        def command(recipe, folder):
            return [sys.executable, "-c", lines, str(folder), str(tmp_path)]

        monkeypatch.setattr(trainer, "_command", command)

    return put


def until(client, reached, seconds=120):
    """What /api/training said, again and again, until `reached` holds of it."""
    said = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        answer = client.get("/api/training").json()
        if not said or said[-1] != answer:
            said.append(answer)
        if reached(answer):
            return said
        time.sleep(0.02)
    raise AssertionError(said)


def ended(answer):
    return answer["state"] != "running"


def test_a_workspace_is_trained_and_then_shown(client, monkeypatch, tmp_path):
    monkeypatch.setitem(RECIPES, "digits", (TINY,))
    begun = client.post("/api/train", json={"set": "digits"}).json()
    assert (begun["state"], begun["set"], begun["models"]) == ("running", "digits", 1)
    *on_the_way, done = until(client, ended)
    assert done["state"] == "done", done
    assert {(answer["model"], answer["models_done"]) for answer in on_the_way} >= {("cnn", 0)}
    assert (done["models_done"], done["message"]) == (1, "training finished")
    (digits,) = client.get("/api/state").json()["sets"]
    assert [model["id"] for model in digits["models"]] == ["cnn"]
    assert Recipe.load(tmp_path / "runs" / "explorer-digits-cnn" / "config.yaml") == TINY
    look = {"set": "digits", "source": numbered(0)}
    assert len(client.post("/api/view", json=look).json()["answers"]) == 1
    again = client.post("/api/train", json={"set": "digits"})
    assert again.status_code == 409
    assert "expected a workspace without models; digits has some" in again.json()["error"]


def test_one_model_is_trained_after_the_other(client, fake, recipes, tmp_path):
    for recipe in recipes:
        save_run(tmp_path / f"explorer-digits-{recipe.model}", recipe.model)
    fake(
        "import shutil\n"
        "shutil.copytree(pathlib.Path(sys.argv[2]) / folder.name, folder, dirs_exist_ok=True)"
    )
    client.post("/api/train", json={"set": "digits"})
    said = until(client, ended)
    order = dict.fromkeys((answer["model"], answer["models_done"]) for answer in said)
    assert list(order)[-3:] == [("cnn", 0), ("capsnet_small", 1), (None, 2)]
    (digits,) = client.get("/api/state").json()["sets"]
    assert [model["id"] for model in digits["models"]] == ["cnn", "capsnet_small"]


def test_progress_is_that_of_the_run(client, fake, tmp_path):
    fake(
        "line = json.dumps({'epoch': 1, 'accuracy': 0.75})\n"
        "(folder / 'metrics.jsonl').write_text(line + '\\n')\n"
        "while not (pathlib.Path(sys.argv[2]) / 'go on').exists(): time.sleep(0.01)\n"
        "sys.exit('torchcaps: enough')"
    )
    client.post("/api/train", json={"set": "digits"})
    at = until(client, lambda answer: answer["accuracy"] is not None)[-1]
    assert at == {
        "state": "running", "set": "digits", "model": "cnn", "epoch": 1, "epochs": 1,
        "models_done": 0, "models": 2, "accuracy": 0.75, "message": "training cnn, 1 of 2",
    }  # fmt: skip
    second = client.post("/api/train", json={"set": "digits"})
    assert second.status_code == 409
    assert second.json()["error"] == ("train: expected one training at a time; wait for this one")
    (tmp_path / "go on").touch()
    assert until(client, ended)[-1]["state"] == "failed"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("sys.exit('lines before\\ntorchcaps: the disk is full; free some')",
         "training failed: the disk is full; free some"),
        ("sys.exit(3)", "training failed: cnn ended with 3"),
        ("pass", "training failed: "),  # it left no model behind
    ],
)  # fmt: skip
def test_a_failure_is_told_and_training_can_begin_again(client, fake, code, message):
    fake(code)
    for _ in range(2):
        assert client.post("/api/train", json={"set": "digits"}).status_code == 200
        failed = until(client, ended)[-1]
        assert failed["state"] == "failed"
        assert failed["message"].startswith(message)
    (digits,) = client.get("/api/state").json()["sets"]
    assert digits["models"] == []


def test_a_folder_that_is_no_run_is_not_touched(client, fake, tmp_path):
    fake("pass")
    folder = tmp_path / "runs" / "explorer-digits-cnn"
    folder.mkdir(parents=True)
    (folder / "thesis.txt").write_text("precious")
    client.post("/api/train", json={"set": "digits"})
    assert "expected a run to overwrite" in until(client, ended)[-1]["message"]
    assert (folder / "thesis.txt").read_text() == "precious"


def test_the_end_of_the_server_is_the_end_of_the_training(explorer, fake):
    fake("time.sleep(100)")
    with TestClient(make_app(explorer), base_url="http://localhost") as client:
        client.post("/api/train", json={"set": "digits"})
        end = time.monotonic() + 60
        while explorer.trainer._process is None and time.monotonic() < end:
            time.sleep(0.01)
        process = explorer.trainer._process
        assert process is not None
        assert process.poll() is None
    assert process.wait(30) != 0
    until(client, ended)
    explorer.trainer.start("digits")
    assert until(client, ended)[-1]["message"] == "training failed: the explorer was closed"
    assert explorer.trainer._process is process


SERVER = """
import json, sys, time
from pathlib import Path
from torchcaps.explorer.trainer import RECIPES, Trainer
from torchcaps.training import Recipe
recipe = Recipe(model="cnn", train_images=64, epochs=100_000, model_options=json.loads(sys.argv[1]))
RECIPES["digits"] = (recipe,)
Trainer(print, Path(sys.argv[2])).start("digits")
time.sleep(300)
"""


def test_a_server_that_is_killed_takes_its_training_along(tmp_path):
    words = [sys.executable, "-c", SERVER, json.dumps(SMALL), str(tmp_path)]
    folder = tmp_path / "explorer-digits-cnn"
    with subprocess.Popen(words) as server:
        try:
            wait_for(lambda: (folder / "metrics.jsonl").exists())
            assert (folder / LOCK).exists()
        finally:
            server.kill()
    wait_for(lambda: not (folder / LOCK).exists())
    assert (folder / "checkpoint" / "state.safetensors").exists()


def wait_for(reached, seconds=120):
    end = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_faces_are_trained_as_the_study_does():
    study = FacesOptions()
    for recipe in RECIPES["faces"]:
        theirs = study.recipe(recipe.model, 0)
        for name in ("data", "data_options", "train_images", "epochs", "lr", "batch_size"):
            assert getattr(recipe, name) == getattr(theirs, name), name


@pytest.mark.parametrize("id", list(RECIPES))
def test_every_recipe_fits_its_data(id):
    for recipe in RECIPES[id]:
        recipe.build_model(recipe.load_data("validation"))
