"""What analysis says of routing, in a network under each of the routings."""

from dataclasses import replace

import pytest
import torch

import torchcaps as tc
from torchcaps.analysis.robustness.attacks import pgd
from torchcaps.analysis.routing.measures import measure_routing
from torchcaps.analysis.routing.routing_trace import explain_routing, trace_routing
from torchcaps.data import ImageDataset
from torchcaps.figures.routing import routing_diagram
from torchcaps.nn import ROUTINGS
from torchcaps.training import evaluate

SMALL = {"stem_channels": 6, "types": 3, "kernel_size": 3, "pose_dim": 5, "decoder": "none"}


@pytest.fixture
def images():
    generator = torch.Generator().manual_seed(1)
    pixels = torch.rand(23, 1, 8, 8, generator=generator)
    return ImageDataset(pixels, torch.arange(23) % 4, "abcd")


@pytest.fixture(params=ROUTINGS)
def model(request, images):
    """With weights that no routing starts from: its parameters are not at their zeros."""
    torch.manual_seed(0)
    made = tc.create_model("capsnet_small", (1, 8, 8), 4, routing=request.param, **SMALL)
    made.classes = images.classes
    with torch.no_grad():
        for name, parameter in made.named_parameters():
            if ".routing." in name:
                parameter.add_(0.3 * torch.randn_like(parameter))
    made(images.batch(range(23))[0])  # batch norms, where there are some
    return made.eval()


def shares_of_own_scores(model, image):
    with torch.no_grad():
        scores = model(image[None]).scores[0]
    return scores.softmax(-1) if model.score_kind == "logits" else scores


def test_a_trace_ends_with_what_the_model_says(model, images):
    image = images[0][0]
    routed = trace_routing(model, image)
    torch.testing.assert_close(routed.scores[-1], shares_of_own_scores(model, image))
    assert ((routed.scores >= 0) & (routed.scores <= 1)).all()
    for found in (routed.couplings, routed.poses, routed.agreement(), routed.support()):
        assert found.isfinite().all()
    parents, dim = routed.poses.shape[1:]
    assert routed.votes.shape == (len(routed.children), parents, dim)


def test_other_numbers_of_iterations_can_be_traced(model, images):
    routed = trace_routing(model, images[0][0], iterations=5)
    assert len(routed.couplings) == len(routed.scores) == len(routed.poses) == 5
    assert ((routed.scores >= 0) & (routed.scores <= 1)).all()


def test_the_diagram_is_drawn(model, images):
    example = explain_routing(model, images[0][0])
    assert routing_diagram(images[0][0], example, images.classes).axes


def test_measures_are_those_of_the_model(model, images):
    found = measure_routing(model, images, up_to=1, batch_size=10)
    accuracy = evaluate(model, images, model.make_loss()).accuracy
    assert found.tests[found.own - 1].accuracy == pytest.approx(accuracy)
    assert found.tests[found.own - 1].changed == 0
    for couplings in found.couplings:
        for value in vars(couplings).values():
            assert -1e-6 <= value <= 1 + 1e-6
    assert 0 <= found.dead_parents < 1


def test_uniform_couplings_are_uniform_in_every_routing(model, images):
    """Not those of the first iteration, which in some routings are found already."""
    found = measure_routing(model, images, up_to=1).replaced["uniform"]
    batch, labels = images.batch(range(23))
    with torch.no_grad():
        explained = model.explain(batch)
        predicted = explained.gather(torch.full_like(explained.couplings[0], 1 / 4))[1].argmax(-1)
    assert found.accuracy == pytest.approx((predicted == labels).double().mean().item())


def test_couplings_that_no_routing_found_add_up_as_its_own(model, images, monkeypatch):
    tried, explain = [], model.explain

    def spied(batch, iterations=None):
        found = explain(batch, iterations)
        return replace(found, gather=lambda c: (tried.append(c), found.gather(c))[1])

    monkeypatch.setattr(model, "explain", spied)
    measure_routing(model, images, up_to=1, batch_size=23)
    *_, uniform, random, _ = tried
    axis = -2 if model.capsules.routing.algorithm().sums_over == "children" else -1
    for couplings in (uniform, random):
        sums = couplings.sum(axis)
        torch.testing.assert_close(sums, torch.ones_like(sums))


def test_controls_have_couplings_that_no_image_changes(images):
    torch.manual_seed(0)
    for name in ("uniform", "random"):
        model = tc.create_model("capsnet_small", (1, 8, 8), 4, routing=name, **SMALL).eval()
        model.classes = images.classes
        couplings = measure_routing(model, images, up_to=1).couplings[0]
        assert couplings.dynamism == pytest.approx(0, abs=1e-5)
        assert (couplings.entropy == pytest.approx(1)) == (name == "uniform")


def test_an_attack_raises_the_margin(model, images):
    batch, labels = images.batch(range(8))
    attacked = pgd(model, batch, labels, 0.2, steps=3, starts=1)
    assert (attacked - batch).abs().max() <= 0.2 + 1e-6

    def margin(x):
        with torch.no_grad():
            scores = model(x).scores
        own = scores.gather(1, labels[:, None])
        others = scores.scatter(1, labels[:, None], -torch.inf).amax(-1, keepdim=True)
        return (others - own).mean()

    assert margin(attacked) > margin(batch)
