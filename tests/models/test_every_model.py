"""What holds for all registered models."""

import copy

import pytest
import torch

import torchcaps as tc
from torchcaps.models import Model, Output

SIZES = [((1, 28, 28), 10, True), ((3, 32, 32), 2, False), ((1, 28, 20), 10, False)]


def images_for(model, batch=3):
    return torch.rand(batch, *model.in_shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(("in_shape", "num_classes", "full"), SIZES, ids=str)
def test_answers_fit_the_images_and_gradients_reach_every_parameter(
    build, small_options, labels_for, in_shape, num_classes, full
):
    try:
        model = build(in_shape, num_classes, **({} if full else small_options))
    except ValueError:  # too small for it
        doubled = (in_shape[0], *(2 * size for size in in_shape[1:]))
        model = build(doubled, num_classes, **({} if full else small_options))
    assert isinstance(model, Model)
    images, labels = images_for(model, 2), labels_for(model, 1, 0)
    out = model(images, labels)
    assert isinstance(out, Output)
    assert out.scores.shape == (2, num_classes, *labels.shape[1:])
    if out.poses is not None:
        assert out.poses.shape[:2] == (2, num_classes)
        assert model.score_kind == "logits" or ((out.scores > 0) & (out.scores < 1)).all()
    if out.reconstruction is not None:
        assert out.reconstruction.shape == images.shape
        assert ((out.reconstruction >= 0) & (out.reconstruction <= 1)).all()
    model.make_loss()(out, images, labels).backward()
    for parameter_name, parameter in model.named_parameters():
        assert parameter.grad is not None, parameter_name
        assert parameter.grad.isfinite().all(), parameter_name
        assert parameter.grad.abs().max() > 0, parameter_name


def test_an_image_is_answered_the_same_alone_and_among_others(small, labels_for):
    """Batch 1 keeps its axis, and nothing mixes the images of a batch."""
    small = small.double()
    images, labels = images_for(small).double(), labels_for(small, 1, 0, 1)
    together, alone = small(images, labels), small(images[1:2], labels[1:2])
    for whole, one in zip(together, alone, strict=True):
        assert (whole is None) == (one is None)
        if whole is not None:
            torch.testing.assert_close(one, whole[1:2])


def test_labels_choose_what_is_drawn_and_nothing_else(small, labels_for):
    images = images_for(small)
    free = small(images)
    for label in range(small.num_classes):
        labels = labels_for(small, label, label, label)
        told = small(images, labels)
        assert torch.equal(told.scores, free.scores)
        if free.reconstruction is not None:
            same = (told.reconstruction == free.reconstruction).flatten(1).all(1)
            chosen = free.scores.argmax(1) == labels
            assert torch.equal(same, chosen.view(3, -1).all(1))


def test_no_images_have_no_answers(small, labels_for):
    positions = labels_for(small, 0).shape[1:]
    assert small(images_for(small, 0)).scores.shape == (0, small.num_classes, *positions)


def test_the_same_seed_builds_the_same_weights(build, small, small_options):
    again = build(small.in_shape, small.num_classes, **small_options)
    for key, value in small.state_dict().items():
        assert torch.equal(value, again.state_dict()[key]), key


def test_a_copy_is_equal_and_independent(small):
    images = images_for(small)
    before = small(images).scores
    twin = copy.deepcopy(small)
    assert torch.equal(twin(images).scores, before)
    with torch.no_grad():
        for parameter in twin.parameters():
            parameter.add_(1)
    twin.rename("twin")
    assert torch.equal(small(images).scores, before)
    assert not torch.equal(twin(images).scores, before)
    assert small.name == small.config["model"] != "twin"


@pytest.mark.parametrize("option", [{"iterations": 1}, {"leaky": True}, {"detach": None}])
def test_weights_do_not_know_how_they_are_routed(build, small, small_options, option):
    known = set(option) & set(small.config)
    if not known:
        pytest.skip(f"has no option {next(iter(option))}")
    value = option if option != {"detach": None} else {"detach": not small.config["detach"]}
    other = build(small.in_shape, small.num_classes, **small_options, **value)
    assert other.config != small.config
    keys = {key: value.shape for key, value in small.state_dict().items()}
    assert {key: value.shape for key, value in other.state_dict().items()} == keys


def test_the_config_holds_what_builds_the_model_again(small, name):
    config = dict(small.config)
    assert config.pop("model") == name == small.name
    again = tc.create_model(name, **config)
    assert again.config == small.config


@pytest.mark.usefixtures("unchecked")  # the checks take a symbol for no number
def test_export_takes_any_batch_and_scores_the_same(small):
    small.eval()
    batch = torch.export.Dim("batch", min=1, max=64)
    exported = torch.export.export(
        small, (images_for(small, 2),), dynamic_shapes={"images": {0: batch}}
    ).module()
    for count in (1, 2, 5):
        images = images_for(small, count)
        with torch.no_grad():
            expected, found = small(images), exported(images)
        torch.testing.assert_close(found[0], expected.scores, rtol=1e-5, atol=1e-6)
        assert (found[3] is None) == (expected.reconstruction is None)
        if found[3] is not None:
            torch.testing.assert_close(found[3], expected.reconstruction, rtol=1e-5, atol=1e-6)
