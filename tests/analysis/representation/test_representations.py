"""Layers of every registered model: where they come from, and in which order."""

from inspect import signature
from typing import Any

import pytest
import torch
from torch.nn import functional as F

import torchcaps as tc
from torchcaps.analysis.representation.representations import layer_names, layers, represent
from torchcaps.models.catalogue import MODELS
from torchcaps.models.model import POSE
from torchcaps.ops import lengths

SMALLER = {"stem_channels": 8, "types": 4, "decoder_width": 12, "hidden": 16, "side": 2}
CAPSULES = ["stem", "primary capsules", "class poses", POSE]
NAMES = {
    "CapsNet": CAPSULES,
    "CapsNet1d": CAPSULES,
    "CapsNetResNet": ["features", *CAPSULES[1:]],
    "EquivariantCapsNet": ["lifting", "group convolution", *CAPSULES[1:]],
    "EfficientCapsNet": ["map", *CAPSULES[1:]],
    "HeinsenCapsNet": ["map", "first capsules", *CAPSULES[1:]],
    "DeepCaps": ["stem", *(f"block {k}" for k in (1, 2, 3, 4)), *CAPSULES[1:]],
    "CNN": ["map 1", "pool 1", "map 2", "pool 2", "penultimate"],
    "CNN1d": ["map 1", "map 2", "map 3", "pool", "penultimate"],
    "PooledCNN": ["map 1", "map 2", "pool", "penultimate"],
}


def build(name) -> Any:
    """The registered model, with few channels and the smallest of a few sizes that it takes."""
    torch.manual_seed(0)
    known = signature(MODELS[name].architecture).parameters
    options = {option: value for option, value in SMALLER.items() if option in known}
    for size in (8, 20, 28, 52):
        try:
            in_shape = (1, *[size] * MODELS[name].architecture.axes[0])
            return tc.create_model(name, in_shape, 3, **options).eval()
        except ValueError:
            continue
    raise AssertionError("takes none of these sizes")


@pytest.fixture(params=[n for n in tc.list_models() if "classes" in MODELS[n].architecture.tasks])
def model(request):
    return build(request.param)


@pytest.fixture
def images(model):
    return torch.rand(5, *model.in_shape, generator=torch.Generator().manual_seed(1))


LABELS = torch.tensor([0, 2, 1, 1, 0])


def test_every_registered_model_has_flat_layers_that_end_where_the_scores_begin(model, images):
    found = layers(model, images, LABELS)
    assert list(found) == ["image", *NAMES[type(model).__name__]] == layer_names(model)
    for x in found.values():
        assert x.shape[0] == 5
        assert x.ndim == 2
    assert torch.equal(found["image"], images.flatten(1))
    out = model(images)
    if out.poses is None:
        torch.testing.assert_close(model.classify(found["penultimate"]), out.scores)
    else:
        torch.testing.assert_close(found["class poses"], out.poses.flatten(1))
        assert torch.equal(found[POSE], found["class poses"].view_as(out.poses)[range(5), LABELS])


def test_without_labels_the_pose_is_that_of_the_highest_score(model, images):
    out = model(images)
    found = layers(model, images)
    if out.poses is None:
        assert POSE not in found
    else:
        torch.testing.assert_close(found[POSE], out.poses[range(5), out.scores.argmax(-1)])


@pytest.mark.parametrize("only", [None, ("image",), ("LAST", "image")])
def test_batches_give_what_all_give_at_once_and_the_mode_is_kept(model, images, only):
    last = layer_names(model)[-1]
    only = only and tuple(last if name == "LAST" else name for name in only)
    model.train()
    found = represent(model, images, LABELS, only=only, batch_size=2)
    assert model.training
    at_once = layers(model.eval(), images, LABELS)
    assert list(found) == list(only or at_once)
    for name, x in found.items():
        torch.testing.assert_close(x, at_once[name])
        assert not x.requires_grad


def test_the_layers_of_a_capsnet_follow_from_one_another():
    model = build("capsnet_small")
    images = torch.rand(2, *model.in_shape)
    found = layers(model, images)
    torch.testing.assert_close(found["stem"], F.relu(model.stem(images)).flatten(1))
    children = found["primary capsules"].view(2, -1, 8)
    torch.testing.assert_close(model.capsules(children).flatten(1), found["class poses"])
    torch.testing.assert_close(lengths(found[POSE]), model(images).scores.amax(-1))


def test_maps_are_taken_after_their_relu_and_pools_after_them():
    model = build("cnn")
    images = torch.rand(2, *model.in_shape)
    found = layers(model, images)
    first = F.relu(model.features[0](images))
    torch.testing.assert_close(found["map 1"], first.flatten(1))
    torch.testing.assert_close(found["pool 1"], F.max_pool2d(first, 2).flatten(1))
    assert all(x.min() >= 0 for x in found.values())


def test_a_model_that_names_no_layers_has_its_scores(rule):
    model, images = rule("ink"), torch.rand(2, 1, 9, 9)
    found = layers(model, images)
    assert list(found) == ["image", "scores"]
    assert torch.equal(found["scores"], model(images).scores)


def test_a_layer_that_is_not_there_is_refused():
    model = build("cnn")
    with pytest.raises(ValueError, match=r"represent, only: .*map 1.*penultimate; got 'pose of th"):
        represent(model, torch.zeros(1, *model.in_shape), only=(POSE,))
