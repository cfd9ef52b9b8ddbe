"""What routing knows of one image, in both kinds of network that route."""

import pytest
import torch
from torch import nn

import torchcaps as tc
from torchcaps.analysis.routing.routing_trace import trace_routing
from torchcaps.models import CapsNet, EquivariantCapsNet
from torchcaps.ops import squash

CASES = [
    ("capsnet_small", (1, 8, 8), {"stem_channels": 6, "types": 3}),
    ("capsnet_small", (2, 13, 10), {"stem_channels": 6, "types": 3, "leaky": True}),
    ("capsnet_small", (1, 9, 9), {"stem_channels": 6, "types": 3, "style": "sabour2017"}),
    ("equivariant_capsnet", (1, 8, 8), {"types": 3}),
    ("equivariant_capsnet", (1, 21, 21), {"types": 2, "channels": (2, 3), "window": 180}),
]


def build(name, in_shape, options):
    torch.manual_seed(0)
    model = tc.create_model(name, in_shape, 4, decoder="none", **options).eval()
    assert isinstance(model, CapsNet | EquivariantCapsNet)
    return model, torch.rand(in_shape)


def silence(model, *names):
    """Put layers that do nothing in the place of those."""
    for name in names:
        parent, _, child = name.rpartition(".")
        model.get_submodule(parent).add_module(child, nn.Identity())


@pytest.mark.parametrize(("name", "in_shape", "options"), CASES)
def test_it_ends_with_what_the_model_says(name, in_shape, options):
    model, image = build(name, in_shape, options)
    routed = trace_routing(model, image)
    with torch.no_grad():
        told = model.capsules.explain(model.primary_capsules(image[None]))
        out = model(image[None])
    assert told.history is not None
    torch.testing.assert_close(routed.couplings, told.history[:, 0])
    torch.testing.assert_close(routed.scores[-1], out.scores[0])
    torch.testing.assert_close(routed.poses[-1].norm(dim=-1), out.poses[0].norm(dim=-1))


@pytest.mark.parametrize(("name", "in_shape", "options"), CASES)
def test_other_iterations_are_those_of_a_model_built_with_them(name, in_shape, options):
    model, image = build(name, in_shape, options)
    five = trace_routing(model, image, iterations=5)
    assert len(five.couplings) == len(five.scores) == 5
    assert model.capsules.iterations == 3
    for count in (1, 2, 5):
        model.capsules.iterations = count
        with torch.no_grad():
            torch.testing.assert_close(five.scores[count - 1], model(image[None]).scores[0])


@pytest.mark.parametrize(("name", "in_shape", "options"), CASES)
def test_support_and_agreement_are_the_sums_written_out(name, in_shape, options):
    model, image = build(name, in_shape, options)
    routed = trace_routing(model, image)
    children, parents, _ = routed.votes.shape
    rows, columns = routed.field.rows, routed.field.columns
    support, agreement = routed.support(), routed.agreement()
    assert support.shape == (parents, rows, columns)
    by_hand = torch.zeros(parents, rows, columns)
    for i in range(children):
        place = i % (rows * columns)
        for j in range(parents):
            vote, pose = routed.votes[i, j], routed.poses[-1, j]
            along = float(vote @ pose / pose.norm())
            by_hand[j, place // columns, place % columns] += routed.couplings[-1, i, j] * along
            assert float(agreement[i, j] * vote.norm()) == pytest.approx(along, abs=1e-5)
    torch.testing.assert_close(support, by_hand)


@pytest.mark.parametrize("training", [True, False])
def test_a_model_stays_in_the_mode_it_was_in(training):
    model, image = build("capsnet_small", (1, 8, 8), {})
    trace_routing(model.train(training), image)
    assert model.training == training


@pytest.mark.parametrize("name", ["capsnet_small", "equivariant_capsnet"])
def test_all_support_of_a_parent_is_the_length_of_its_sum(name):
    model, image = build(name, (1, 8, 8), {"types": 3})
    routed = trace_routing(model, image)
    sums = routed.support().sum((1, 2))
    # squash is known from the length alone
    torch.testing.assert_close(
        squash(sums[:, None]).flatten(), routed.poses[-1].norm(dim=-1), rtol=1e-4, atol=1e-6
    )


def seen(model, image):
    """Rows and columns [I,2,2] of the first and last pixel that each child depends on."""
    image = image.clone().requires_grad_()
    children = model.primary_capsules(image[None])[0]
    extents = []
    for child in children:
        (gradient,) = torch.autograd.grad(child.square().sum(), image, retain_graph=True)
        places = (gradient.abs().sum(0) > 0).nonzero()
        extents.append([[places[:, k].min().item(), places[:, k].max().item()] for k in (0, 1)])
    return torch.tensor(extents)


@pytest.mark.parametrize("size", [5, 8, 13, 21, 28, 36])
def test_a_turning_networks_part_looks_at_its_square_of_pixels(size):
    model, image = build("equivariant_capsnet", (1, size, size), {"types": 1, "channels": (2, 2)})
    # A normalisation looks everywhere, and a ReLU hides pixels.
    hidden = [n for n, m in model.named_modules() if isinstance(m, nn.GroupNorm | nn.ReLU)]
    silence(model, *hidden)
    field = trace_routing(model, image).field
    found = seen(model, image)
    assert len(found) == field.rows * field.columns
    for child, extent in enumerate(found):
        place = divmod(child, field.columns)
        for axis, start in enumerate((field.top, field.left)):
            first = start + field.stride * place[axis]
            last = first + field.side - 1
            assert extent[axis].tolist() == [max(first, 0), min(last, size - 1)]


def test_a_silent_image_supports_nobody():
    model, _ = build("capsnet_small", (1, 8, 8), {})
    for name in ("stem.bias", "primary.conv.bias"):
        nn.init.zeros_(model.get_parameter(name))
    routed = trace_routing(model, torch.zeros(1, 8, 8))
    assert not routed.support().any()
    assert not routed.agreement().any()


def test_a_model_without_routing_is_refused():
    with pytest.raises(
        ValueError, match=r"trace_routing, model: expected class capsules .* got cnn"
    ):
        trace_routing(tc.create_model("cnn", (1, 8, 8), 4), torch.rand(1, 8, 8))
