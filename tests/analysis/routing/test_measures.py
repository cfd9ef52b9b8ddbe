"""Routing in networks whose couplings, or whose answers under other couplings, are known."""

from dataclasses import replace

import pytest
import torch

import torchcaps as tc
from torchcaps.analysis.routing.measures import _random, measure_routing
from torchcaps.data import ImageDataset
from torchcaps.models import CapsNet
from torchcaps.training import evaluate

SMALL = {"stem_channels": 6, "types": 3, "kernel_size": 3, "pose_dim": 5, "decoder": "none"}


def capsnet(name="capsnet_small", **options):
    torch.manual_seed(0)
    model = tc.create_model(name, (1, 8, 8), 4, **{**SMALL, "init_std": 3.0, **options})
    assert isinstance(model, CapsNet)
    if model.capsules.bias is not None:
        torch.nn.init.normal_(model.capsules.bias, std=2.0)
    return model


@pytest.fixture
def images():
    torch.manual_seed(1)
    return ImageDataset(torch.rand(23, 1, 8, 8), torch.arange(23) % 4, "abcd")


def answers(model, images, iterations):
    """The class of every image with another number of iterations, by the model itself."""
    own, model.capsules.iterations = model.capsules.iterations, iterations
    with torch.no_grad():
        named = model(images.batch(range(len(images)))[0]).scores.argmax(-1)
    model.capsules.iterations = own
    return named


def share(condition):
    return pytest.approx(condition.double().mean().item())


MODELS = {
    "plain": {},
    "one iteration": {"iterations": 1},
    "more iterations than asked for": {"iterations": 6},
    "leaky": {"leaky": True},
    "with a bias": {"name": "capsnet_sabour2017"},
}


@pytest.mark.parametrize("options", MODELS.values(), ids=MODELS)
def test_every_number_of_iterations_is_the_models_own_answer(options, images):
    model = capsnet(**options)
    own = model.capsules.iterations
    found = measure_routing(model, images, up_to=5, batch_size=10)
    assert (found.own, found.images) == (own, 23)
    assert len(found.tests) == len(found.couplings) == max(5, own)
    usual = answers(model, images, own)
    for r, test in enumerate(found.tests, 1):
        named = answers(model, images, r)
        assert test.accuracy == share(named == images.labels)
        assert test.changed == share(named != usual)
    assert found.tests[own - 1].changed == 0
    accuracy = evaluate(model, images, model.make_loss()).accuracy
    assert found.tests[own - 1].accuracy == pytest.approx(accuracy)


def test_answers_do_change_with_the_iterations(images):
    """Else the test above could not fail."""
    assert measure_routing(capsnet(iterations=1), images).tests[9].changed > 0.1


@pytest.mark.parametrize("leaky", [False, True])
def test_couplings_start_uniform_and_then_polarise(leaky, images):
    first, *_, last = measure_routing(capsnet(leaky=leaky), images).couplings
    assert (first.entropy, first.polarisation) == (pytest.approx(1), pytest.approx(0, abs=1e-6))
    assert first.dynamism == 0
    assert last.entropy < 0.8
    assert last.polarisation > 0.3
    assert 0.01 < last.dynamism < 1


@pytest.mark.parametrize("name", ["capsnet_small", "capsnet_sabour2017"])
def test_the_couplings_are_those_that_the_layer_explains(name, images):
    model = capsnet(name=name, iterations=4)
    found = measure_routing(model, images, up_to=1, batch_size=7)
    with torch.no_grad():
        u = model.primary_capsules(images.batch(range(23))[0])
        history = model.capsules.explain(u).history
    assert history is not None
    entropy = -(history * history.log()).sum(-1).mean((1, 2)) / torch.tensor(4.0).log()
    assert [c.entropy for c in found.couplings] == pytest.approx(entropy.tolist(), abs=1e-5)
    greatest = (history.amax(-1).mean((1, 2)) - 1 / 4) / (3 / 4)
    assert [c.polarisation for c in found.couplings] == pytest.approx(greatest.tolist(), abs=1e-5)


def test_the_same_image_again_and_again_has_static_couplings(images):
    again = images.subset([5] * 12)
    found = measure_routing(capsnet(), again)
    assert found.couplings[-1].polarisation > 0.3
    assert [c.dynamism for c in found.couplings] == pytest.approx([0] * 10, abs=1e-5)
    assert found.replaced["mean"].changed == 0, "the mean is the couplings themselves"
    assert found.replaced["mean"].accuracy == found.tests[2].accuracy


def test_uniform_couplings_are_one_iteration(images):
    model = capsnet(iterations=7)
    replaced = measure_routing(model, images).replaced
    once = answers(model, images, 1)
    assert replaced["uniform"].accuracy == share(once == images.labels)
    assert replaced["uniform"].changed == share(once != answers(model, images, 7)) != 0


def test_mean_couplings_are_those_of_all_images(images):
    model = capsnet(leaky=True, iterations=2, init_std=8.0)
    with torch.no_grad():
        u = model.primary_capsules(images.batch(range(23))[0])
        mean = model.capsules.explain(u).couplings.mean(0)
        s = torch.einsum("ij,bijd->bjd", mean, tc.ops.votes(u, model.capsules.weight))
    named = tc.ops.lengths(tc.ops.squash(s)).argmax(-1)
    for size in (4, 23):
        found = measure_routing(model, images, batch_size=size).replaced["mean"]
        assert found.accuracy == share(named == images.labels)
        assert found.changed == share(named != answers(model, images, 2)) != 0


def test_random_couplings_follow_the_seed_and_change_answers(images):
    first, again, other = (
        measure_routing(capsnet(), images, seed=seed).replaced["random"] for seed in (0, 0, 1)
    )
    assert first == again != other
    assert 0 < first.changed <= 1


def test_random_couplings_are_drawn_evenly_from_the_simplex(images):
    explained = capsnet().explain(images.images[:1])
    assert explained is not None

    def draw(**adding_up):
        found = replace(explained, couplings=torch.zeros(1, 4000, 3, 4), **adding_up)
        return _random(found, torch.Generator().manual_seed(0))

    drawn = draw(sums_over="parents")
    torch.testing.assert_close(drawn.sum(-1), torch.ones(4000, 3))
    assert drawn.mean().item() == pytest.approx(1 / 4)
    # The flat Dirichlet distribution has variance (J - 1) / J^2 / (J + 1).
    assert drawn.var().item() == pytest.approx(3 / 16 / 5, rel=0.02)
    assert (draw(leaky=True).sum(-1) < 1).all()
    drawn = draw(sums_over="children")
    torch.testing.assert_close(drawn.sum(-2), torch.ones(4000, 4))
    assert drawn.var().item() == pytest.approx(2 / 9 / 4, rel=0.02)


def test_a_network_without_votes_is_uniform_and_its_parents_dead(images):
    model = capsnet(init_std=0.0)
    found = measure_routing(model, images)
    for couplings in found.couplings:
        assert list(vars(couplings).values()) == pytest.approx([1, 0, 0], abs=1e-6)
    assert {test.changed for test in (*found.tests, *found.replaced.values())} == {0}
    assert (found.dead_parents, found.dead_children) == (1, 0)


def test_a_type_of_children_without_weights_is_dead(images):
    model = capsnet()
    with torch.no_grad():
        for parameter in model.primary.conv.parameters():
            parameter.mul_(20)  # long children
            parameter[:8] = 0  # those of the first type
    found = measure_routing(model, images, batch_size=5)
    assert found.dead_children == pytest.approx(1 / 3)
    assert found.dead_parents == 0


def test_a_capsule_that_lives_in_one_image_of_all_is_not_dead():
    dark = ImageDataset(torch.zeros(9, 1, 8, 8), torch.zeros(9, dtype=torch.long), "abcd")
    model = capsnet()
    with torch.no_grad():
        for conv in (model.stem, model.primary.conv):
            conv.weight.mul_(10)
            assert conv.bias is not None
            conv.bias.zero_()
    assert measure_routing(model, dark, batch_size=2).dead_children == 1
    dark.images[4] = torch.rand(1, 8, 8, generator=torch.Generator().manual_seed(0))
    assert measure_routing(model, dark, batch_size=2).dead_children == 0


@pytest.mark.parametrize("training", [True, False])
def test_a_model_stays_in_the_mode_it_was_in(training, images):
    model = capsnet().train(training)
    measure_routing(model, images)
    assert model.training is training


def test_a_model_without_couplings_is_refused(images):
    with pytest.raises(ValueError, match="measure_routing, model") as error:
        measure_routing(tc.create_model("cnn", (1, 8, 8), 4), images)
    assert str(error.value) == (
        "measure_routing, model: expected class capsules by routing; got cnn, which has none; "
        "take a capsnet"
    )


def test_classes_are_matched_by_name(images):
    model = capsnet()
    model.classes = images.classes
    reversed_ = ImageDataset(images.images, 3 - images.labels, "dcba")
    assert measure_routing(model, reversed_) == measure_routing(model, images)
