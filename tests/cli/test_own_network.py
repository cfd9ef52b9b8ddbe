"""A network of a user's own, entered into MODELS: every command takes it, none knows its class."""

import json

import pytest
from torch import Tensor, nn

import torchcaps as tc
from torchcaps.explorer.fields import Fields
from torchcaps.explorer.python_code import python_code
from torchcaps.explorer.refusal import Refused
from torchcaps.explorer.requests import read_decode, read_look, read_route, read_sweep
from torchcaps.explorer.views import sweep, view
from torchcaps.explorer.workspaces import load_workspace
from torchcaps.models import Model, Output
from torchcaps.models.catalogue import MODELS, Preset
from torchcaps.nn import ScoreCrossEntropy
from torchcaps.training import Recipe, train

LOOK = {"set": "digits", "source": {"kind": "test", "index": 3}, "transform": {"degrees": 20}}


class Bagatelle(Model):
    """Poses by one linear map, activations beside them; no routing, no decoder, no angle."""

    name = "bagatelle"
    score_kind = "activations"

    def __init__(self, in_shape: tuple[int, int, int], num_classes: int, *, dim: int = 3) -> None:
        super().__init__(in_shape, num_classes)
        self.map = nn.Linear(in_shape[0] * in_shape[1] * in_shape[2], num_classes * (dim + 1))
        self.dim = dim

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Output:
        both = self.map(images.flatten(1)).unflatten(1, (self.num_classes, self.dim + 1))
        activations = both[..., 0].sigmoid()
        return Output(activations, both[..., 1:], activations)

    def make_loss(self) -> nn.Module:
        return ScoreCrossEntropy()


@pytest.fixture
def run(monkeypatch, tmp_path):
    """The folder of a trained one; the registry forgets it after the test."""
    monkeypatch.setattr(MODELS, "_entries", dict(MODELS._entries))
    monkeypatch.setattr(MODELS, "_abouts", dict(MODELS._abouts))
    MODELS.add("bagatelle", "a network of my own")(Preset(Bagatelle, {}))
    return train(Recipe(model="bagatelle", epochs=1), tmp_path / "run", quiet=True)


def test_it_is_loaded_evaluated_and_predicts(run, cli, picture):
    model = tc.load_model(run)
    assert isinstance(model, Bagatelle)
    said = json.loads(cli("evaluate", run, "--json").out)
    assert said["images"] == 360
    assert said["reconstruction_mse"] is None
    (found,) = json.loads(cli("predict", run, picture("a.png"), "--json").out)
    assert found["class"] in model.classes
    assert found["rotated_by"] is None
    assert set(found["scores"]) == set(model.classes)


def test_it_is_explored(run):
    workspace = load_workspace("digits", [run], Recipe())
    workspaces = {"digits": workspace}
    (told,) = workspace.as_json()["models"]
    assert told["can"] == {"decode": False, "angle": False, "routing": False}
    assert (told["kind"], told["pose_dim"], told["iterations"]) == ("activations", 3, None)
    look = Fields(LOOK, "view")
    (answer,) = view(read_look(look, workspaces))["answers"]
    assert len(answer["pose"]) == 3
    assert answer["reconstruction"] is answer["angle"] is None
    assert sum(answer["probabilities"]) == pytest.approx(1, abs=1e-5)
    (curve,) = sweep(read_sweep(look, workspaces))["curves"]
    assert len(curve["probabilities"]) == 37
    for read in (read_route, read_decode):
        with pytest.raises(Refused, match="bagatelle: expected a model that can do"):
            read(Fields({**LOOK, "model": "bagatelle"}, "ask"), workspaces)
    assert "load_model" in python_code(read_look(look, workspaces))
