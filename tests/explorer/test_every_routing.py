"""The page of a network under each of the routings: all that it asks for is answered, and fits."""

import pytest

from torchcaps.explorer.state import Explorer
from torchcaps.explorer.workspaces import load_workspace
from torchcaps.nn import ROUTINGS
from torchcaps.training import Recipe

from .conftest import numbered, save_run

QUESTION = {"set": "digits", "source": numbered(5), "transform": {"degrees": 20.0}}


@pytest.fixture(scope="module", params=ROUTINGS)
def shown(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / request.param
    save_run(folder, "capsnet_small", routing=request.param)
    return load_workspace("digits", [folder], Recipe())


@pytest.fixture
def explorer(shown, tmp_path):
    """In the place of the one that most tests of this folder have."""
    return Explorer({"digits": shown}, tmp_path / "runs")


@pytest.fixture
def model(client):
    (only,) = client.get("/api/state").json()["sets"][0]["models"]
    return only


def test_the_routing_panel_agrees_with_the_view(ask, model):
    (answer,) = ask("view", **QUESTION)["answers"]
    assert sum(answer["probabilities"]) == pytest.approx(1)
    said = ask("routing", **QUESTION, model=model["id"])
    assert said["winner"] == answer["winner"]
    assert said["iterations"] == model["iterations"]
    assert said["kind"] == model["kind"]
    wanted = answer["probabilities"] if said["kind"] == "logits" else answer["scores"]
    assert said["lengths"][-1] == pytest.approx(wanted, abs=1e-5)


@pytest.mark.parametrize("iterations", [None, 4])
def test_bars_and_lines_can_be_drawn(ask, model, iterations):
    said = ask("routing", **QUESTION, model=model["id"], iterations=iterations)
    assert all(0 <= length <= 1 for row in said["lengths"] for length in row)
    for part in said["parts"]:
        assert [sum(sent) for sent in part["couplings"]] == pytest.approx([1] * said["iterations"])
        assert all(0 <= sent <= 1 for row in part["couplings"] for sent in row)
        assert all(-1.001 <= cosine <= 1.001 for cosine in part["agreement"])


def test_the_rest_of_the_page(ask, model):
    (answer,) = ask("view", **QUESTION)["answers"]
    assert len(ask("sweep", **QUESTION)["curves"]) == 1
    chosen = {"class": answer["winner"], "pose": answer["pose"]}
    assert ask("decode", set="digits", model=model["id"], **chosen)
    assert "load_model" in ask("python", **QUESTION)["code"]
