"""A server in this process, on small untrained models of both workspaces."""

import json
from base64 import b64decode
from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image
from starlette.testclient import TestClient

import torchcaps as tc
from torchcaps.data import load_dataset
from torchcaps.explorer.server import make_app
from torchcaps.explorer.state import Explorer
from torchcaps.explorer.workspaces import Workspace, load_workspace
from torchcaps.training import Recipe

FACES = Recipe(data="faces", data_options={"size": 16})
SMALL = {
    "capsnet_small": {"stem_channels": 8, "types": 4, "decoder_width": 8},
    "equivariant_capsnet": {"types": 3, "channels": (3, 4), "decoder_width": 4},
    "cnn": {"channels": (4, 4), "hidden": 8},
}


def save_run(folder, name, recipe=None, **options):
    """The folder of a run that was saved before its first epoch."""
    recipe = recipe or Recipe(model=name)
    test_set = load_dataset(recipe.data, "test", **recipe.data_options)
    torch.manual_seed(len(name))
    model = tc.create_model(
        name, test_set.in_shape, test_set.num_classes, **{**SMALL.get(name, {}), **options}
    )
    model.classes = test_set.classes
    recipe.save(folder / "config.yaml")
    return tc.save_model(model, folder)


@pytest.fixture(scope="session")
def runs(tmp_path_factory):
    """Folders of runs by workspace."""
    root = tmp_path_factory.mktemp("runs")
    return {
        "digits": [save_run(root / name, name) for name in SMALL],
        "faces": [save_run(root / f"faces-{k}", k, FACES) for k in ("capsnet_small", "cnn")],
    }


@pytest.fixture(scope="session")
def workspaces(runs):
    recipes = {"digits": Recipe(), "faces": FACES}
    return {id: load_workspace(id, runs[id], recipes[id]) for id in runs}


@pytest.fixture
def explorer(workspaces, tmp_path):
    return Explorer(dict(workspaces), tmp_path / "runs")


@pytest.fixture
def client(explorer):
    with TestClient(make_app(explorer), base_url="http://127.0.0.1:8765") as client:
        yield client


@pytest.fixture
def ask(client):
    """ask("view", set="digits", ...): the answer to a POST that must succeed."""

    def post(name, **body):
        response = client.post(f"/api/{name}", json=body)
        assert response.status_code == 200, response.text
        return response.json()

    return post


@pytest.fixture
def upload(client):
    """upload(content): the answer; upload(content, status=413): the sentence."""

    def post(content, ink=0, status=200, id="digits"):
        response = client.post("/api/picture", params={"set": id, "ink": ink}, content=content)
        assert response.status_code == status, response.text
        return response.json() if status == 200 else response.json()["error"]

    return post


@pytest.fixture
def refused(client):
    """refused("view", set="x"): the sentence of a POST that must be turned down."""

    def post(name, status=400, **body):
        kind = {"Content-Type": "application/json"}
        response = client.post(f"/api/{name}", content=json.dumps(body), headers=kind)
        assert response.status_code == status, response.text
        (message,) = response.json().values()
        assert "\n" not in message
        return message

    return post


def image_of(pixels):
    """The tensor [C,H,W] in [0,1] that an answer's pixels stand for."""
    data = torch.frombuffer(bytearray(b64decode(pixels["data"])), dtype=torch.uint8)
    return data.view(pixels["shape"]) / 255


def numbered(index):
    return {"kind": "test", "index": index}


def encode(pixels, kind="PNG", **options):
    buffer = BytesIO()
    Image.fromarray(np.asarray(pixels, dtype=np.uint8)).save(buffer, kind, **options)
    return buffer.getvalue()


def workspace_of(data, size=28):
    """A workspace without models for images of this size, as if they were of dataset `data`."""
    test_set = load_dataset("digits", "test").first(10)
    test_set.images = torch.zeros(10, 1, size, size)
    return Workspace("digits", Recipe(data=data), test_set, ())
