import pytest
import torch
from torch import nn

import torchcaps as tc
from torchcaps.training import Recipe
from torchcaps.training.optimizer import make_optimizer, remembers, set_rate
from torchcaps.training.recipe import CHOICES


def net():
    torch.manual_seed(0)
    return nn.Linear(3, 2)


def stepped(optimizer, model):
    model(torch.ones(4, 3)).square().sum().backward()
    optimizer.step()
    return [parameter.detach().clone() for parameter in model.parameters()]


@pytest.mark.parametrize("name", CHOICES["optimizer"])
def test_each_is_that_of_torch_with_the_rate_of_the_recipe(name):
    one, two = net(), net()
    found = stepped(make_optimizer(Recipe(optimizer=name, lr=0.1), one), one)
    expected = stepped(getattr(torch.optim, name)(two.parameters(), lr=0.1), two)
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("name", CHOICES["optimizer"])
@pytest.mark.parametrize("options", [{}, {"amsgrad": True}, {"momentum": 0.9}], ids=str)
def test_what_an_optimizer_remembers_is_known_before_it_has_stepped(name, options):
    model = net()
    try:
        optimizer = make_optimizer(Recipe(optimizer=name, optimizer_options=options), model)
    except ValueError as refused:
        assert "expected one of" in str(refused)  # noqa: PT017
        return
    known = remembers(optimizer)
    stepped(optimizer, model)
    for parameter in model.parameters():
        found = optimizer.state[parameter]
        assert found.keys() == known.keys()
        for key, value in found.items():
            shape = parameter.shape if known[key].like_parameter else ()
            assert (value.shape, value.dtype) == (shape, known[key].dtype), key


def test_options_and_weight_decay_reach_it():
    options = {"momentum": 0.9, "nesterov": True}
    recipe = Recipe(optimizer="SGD", optimizer_options=options, weight_decay=0.25)
    group = make_optimizer(recipe, net()).param_groups[0]
    assert (group["momentum"], group["nesterov"], group["weight_decay"]) == (0.9, True, 0.25)
    usual = make_optimizer(Recipe(optimizer="AdamW"), net()).param_groups[0]
    assert (usual["weight_decay"], usual["fused"]) == (0.01, True)
    decayed = Recipe(optimizer="AdamW", weight_decay=0.0)
    assert make_optimizer(decayed, net()).param_groups[0]["weight_decay"] == 0


def headed(freeze=False):
    head = tc.nn.CapsuleHead((4, 8, 8), 2, types=2)
    return tc.models.BackboneCapsNet(nn.Conv2d(1, 4, 1), head, (1, 8, 8), freeze=freeze)


def test_a_backbone_has_a_rate_of_its_own_in_every_step_of_the_schedule():
    model = headed()
    optimizer = make_optimizer(Recipe(optimizer="SGD", lr=0.1, backbone_lr=0.01), model)
    for rate in (0.1, 0.04):
        set_rate(optimizer, rate)
        model.zero_grad()
        model(torch.ones(2, 1, 8, 8)).scores.sum().backward()
        before = [p.detach().clone() for p in model.parameters()]
        optimizer.step()
        own = {id(p) for p in model.backbone.parameters()}
        for p, old in zip(model.parameters(), before, strict=True):
            assert p.grad is not None
            share = 0.1 if id(p) in own else 1.0
            torch.testing.assert_close(p.detach(), old - share * rate * p.grad)


@pytest.mark.parametrize("make", [net, lambda: headed(freeze=True)], ids=["none", "frozen"])
def test_a_rate_for_no_backbone_is_refused(make):
    text = (
        r"Recipe, backbone_lr: expected none, since \w+ has no backbone that learns; got 0.01; le"
    )
    with pytest.raises(ValueError, match=text):
        make_optimizer(Recipe(backbone_lr=0.01), make())
    with pytest.raises(ValueError, match="Recipe, backbone_lr: expected a positive number; got 0"):
        Recipe(backbone_lr=0.0)


@pytest.mark.parametrize(
    ("name", "options", "text"),
    [
        ("SGD", {"momentun": 0.9}, " of SGD: .* got 'momentun'; did you mean 'momentum'"),
        ("SGD", {"lr": 0.9}, " of SGD: expected one of momentum, .* got 'lr'"),
        (
            "SGD",
            {"nesterov": True},
            r": expected values that torch takes; got {'nesterov': True} \(",
        ),
        ("Adam", {"betas": 3}, r": expected values that torch takes; got {'betas': 3} \("),
        ("Adam", {"betas": ["a", "b"]}, r": expected values that torch takes; got {'betas': \["),
    ],
    ids=str,
)
def test_options_that_it_does_not_take_are_named(name, options, text):
    with pytest.raises(ValueError, match=f"^Recipe, optimizer_options{text}"):
        make_optimizer(Recipe(optimizer=name, optimizer_options=options), net())
