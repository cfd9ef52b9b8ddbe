"""A capsule head on a network of one's own: trained, frozen, resumed, saved, explained."""

import copy
import json
from dataclasses import replace

import pytest
import torch
from torch import nn

import torchcaps as tc
from torchcaps.analysis.routing.routing_trace import trace_routing
from torchcaps.models import BackboneCapsNet, Output
from torchcaps.nn import ROUTINGS, CapsuleHead


def network(channels=6):
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, channels, 3, padding=1), nn.BatchNorm2d(channels), nn.ReLU(), nn.MaxPool2d(2)
    )


def build(backbone=None, **options):
    model = {name: options.pop(name) for name in ("freeze", "decoder") if name in options}
    torch.manual_seed(1)
    sizes = {"types": 2, "primary_dim": 4, "pose_dim": 5}
    head = CapsuleHead((6, 4, 4), 10, **{**sizes, **options})
    return BackboneCapsNet(backbone or network(), head, (1, 8, 8), **model)


@pytest.fixture(scope="module")
def digits():
    return tc.load_dataset("digits").sample(128, seed=0), tc.load_dataset("digits", "validation")


def few(**changes):
    usual = {"epochs": 2, "batch_size": 32, "precision": "fp32", "lr": 0.003}
    return tc.training.Recipe(**{**usual, **changes})


def same(one, other):
    return [name for name, x in one.items() if not torch.equal(x, other[name])]


@pytest.mark.parametrize("routing", list(ROUTINGS))
def test_it_answers_like_every_model(routing):
    model = build(routing=routing, decoder="conv").eval()
    images, labels = torch.rand(3, 1, 8, 8), torch.tensor([3, 0, 9])
    out = model(images, labels)
    assert isinstance(out, Output)
    capsules = model.head(model.backbone(images))
    assert out.poses is not None
    assert torch.equal(out.poses, capsules.poses)
    assert torch.equal(out.scores, model.head.scores(capsules))
    assert out.reconstruction is not None
    assert out.reconstruction.shape == images.shape
    assert model.score_kind == ROUTINGS[routing].score_kind
    model.make_loss()(out, images, labels).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
    layers = model.representations(images, labels)
    assert list(layers) == ["features", "primary capsules", "class poses", "pose of the class"]
    assert layers["features"].shape == (3, 6, 4, 4)


def test_it_is_explained_though_nobody_knows_what_its_capsules_see():
    model, image = build().eval(), torch.rand(1, 8, 8)
    traced = trace_routing(model, image)
    assert traced.couplings.shape == (3, 2 * 16, 10)
    torch.testing.assert_close(traced.scores[-1], model(image[None]).scores[0])
    assert traced.support().shape == (10, 4, 4)
    assert traced.field[2:] == (0, 0, 0, 8), "every capsule may see the whole image"


def test_it_trains_and_the_backbone_with_it(digits):
    model = build(types=8)
    before, recipe = copy.deepcopy(model.state_dict()), few(epochs=8, lr=0.01)
    _, history = tc.train(model, digits[0], validation=digits[1], recipe=recipe, quiet=True)
    assert history[-1]["accuracy"] > 0.5
    after = model.state_dict()
    assert [name for name in same(before, after) if name.startswith("backbone.0")]


def test_a_frozen_backbone_keeps_every_number(digits):
    model = build(freeze=True)
    before = copy.deepcopy(model.backbone.state_dict())
    head = copy.deepcopy(model.head.state_dict())
    tc.train(model, digits[0], recipe=few(), quiet=True)
    assert same(before, model.backbone.state_dict()) == []
    assert len(same(head, model.head.state_dict())) == len(head)
    assert not any(module.training for module in model.train().backbone.modules())
    assert model.head.training
    assert not any(p.requires_grad for p in model.backbone.parameters())


def test_an_unfrozen_one_would_not():
    """Its BatchNorm takes statistics in training: the test above can fail."""
    model = build().train()
    before = copy.deepcopy(model.backbone.state_dict())
    model(torch.rand(3, 1, 8, 8))
    assert same(before, model.backbone.state_dict())


@pytest.mark.parametrize("options", [{}, {"freeze": True, "decoder": "conv", "routing": "em"}])
@pytest.mark.usefixtures("unchecked")  # the hub hands lists of JSON over where we say tuple
def test_it_comes_back_on_a_backbone_like_its_own(options, tmp_path):
    model = build(**options)
    model.classes = [f"class {k}" for k in range(10)]
    with torch.no_grad():
        for x in model.parameters():
            x.add_(0.1 * torch.rand_like(x))
    model.train()(torch.rand(4, 1, 8, 8))
    tc.save_model(model, tmp_path)
    backbone = nn.Sequential(*(copy.deepcopy(layer) for layer in network()))
    again = tc.load_model(tmp_path, backbone=backbone)
    assert isinstance(again, BackboneCapsNet)
    assert again.backbone is backbone
    assert same(model.state_dict(), again.state_dict()) == []
    assert json.dumps(again.config) == json.dumps(model.config)
    assert not again.training
    images = torch.rand(2, 1, 8, 8)
    assert torch.equal(again(images).scores, model.eval()(images).scores)
    hub = BackboneCapsNet.from_pretrained(tmp_path, backbone=network())
    assert torch.equal(hub.eval()(images).scores, model(images).scores)
    assert hub.classes == model.classes


def test_a_run_is_resumed_on_a_backbone_like_its_own_to_the_same_weights(digits, tmp_path):
    whole, recipe = build(), few(backbone_lr=0.0003, optimizer="AdamW")
    tc.train(whole, digits[0], recipe=recipe, out=tmp_path / "whole", quiet=True)
    for epochs in (1, 2):
        tc.train(
            build(),
            digits[0],
            recipe=replace(recipe, epochs=epochs),
            out=tmp_path / "part",
            resume=epochs > 1,
            quiet=True,
        )
    one, other = (tmp_path / name / "model.safetensors" for name in ("whole", "part"))
    assert one.read_bytes() == other.read_bytes()
    again = tc.load_model(tmp_path / "whole", backbone=network())
    assert same(whole.state_dict(), again.state_dict()) == []


@pytest.mark.usefixtures("unchecked")
def test_without_a_backbone_or_with_another_it_is_refused(tmp_path):
    tc.save_model(build(), tmp_path)
    text = (
        "load_model, backbone: expected the network below the capsules, 'Sequential', .* got none"
    )
    with pytest.raises(ValueError, match=text):
        tc.load_model(tmp_path)
    with pytest.raises(ValueError, match=r"expected the weights of backbone_capsnet .*size mism"):
        tc.load_model(tmp_path, backbone=network(channels=5))
    with pytest.raises(ValueError, match="BackboneCapsNet, backbone: expected a module that makes"):
        BackboneCapsNet.from_pretrained(tmp_path)
    tc.save_model(tc.create_model("cnn", (1, 8, 8), 2), tmp_path)
    with pytest.raises(
        ValueError, match=r"load_model, backbone: expected none, .* of cnn; got Seq"
    ):
        tc.load_model(tmp_path, backbone=network())


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"head": None}, "backbone_capsnet, head: expected in_shape, num_classes; got none of"),
        ({"head": {"nonsense": 1}}, "head: expected some of types, .*; got nonsense; drop"),
        ({"head": {"types": "2"}}, "CapsuleHead, types: expected a whole number"),
        ({"head": {"types": 10**15}}, "head: expected sizes that fit in memory; got types=10{15}"),
        ({"freeze": "yes"}, "backbone_capsnet, freeze: expected true or false; got 'yes'"),
        ({"decoder": "mlp"}, "BackboneCapsNet, decoder: expected one of conv, none; got 'mlp'"),
        ({"num_classes": 3}, "num_classes: expected 10, as the head has; got 3"),
        ({"nonsense": 1}, "options of backbone_capsnet: expected some of freeze, .* got nonsense"),
    ],
    ids=str,
)
@pytest.mark.usefixtures("unchecked")
def test_a_damaged_configuration_says_what_is_wrong(change, text, tmp_path):
    tc.save_model(build(), tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    for name, value in change.items():
        config[name] = {**config[name], **value} if isinstance(value, dict) else value
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match=text):
        tc.load_model(tmp_path, backbone=network())


class Told(nn.Module):
    def forward(self, images):
        return {"last_hidden_state": images}


@pytest.mark.usefixtures("unchecked")
def test_a_backbone_that_gives_no_features_is_named():
    images = torch.rand(2, 1, 8, 8)
    text = (
        r"Told, output: expected a tensor of features \[B, 6, 4, 4\]; got dict; wrap the backbone"
    )
    with pytest.raises(ValueError, match=text):
        build(Told())(images)
    with pytest.raises(
        ValueError, match=r"CapsuleHead, x: expected features .* got \(2, 1, 8, 8\)"
    ):
        build(nn.Identity())(images)


@pytest.mark.parametrize("axes", [1, 3], ids=["signals", "volumes"])
def test_signals_and_volumes_have_backbones_too(axes, tmp_path):
    conv = nn.Conv1d if axes == 1 else nn.Conv3d

    def backbone():
        return nn.Sequential(conv(2, 6, 3, stride=2), nn.ReLU())

    head = CapsuleHead((6, *[3] * axes), 4, types=2)
    model = BackboneCapsNet(backbone(), head, (2, *[7] * axes)).eval()
    signals = torch.rand(3, 2, *[7] * axes)
    out = model(signals)
    model.make_loss()(out, signals, torch.tensor([0, 3, 1])).backward()
    assert model.explain(signals).couplings.shape == (3, 3, 2 * 3**axes, 4)
    again = tc.load_model(tc.save_model(model, tmp_path), backbone=backbone())
    assert torch.equal(again(signals).scores, out.scores)
    with pytest.raises(ValueError, match="BackboneCapsNet, decoder: expected 'none' for inputs"):
        BackboneCapsNet(backbone(), head, (2, *[7] * axes), decoder="conv")
