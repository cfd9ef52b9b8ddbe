"""One image followed from parts to wholes."""

import pytest
import torch

import torchcaps as tc
from torchcaps.analysis.routing.routing_trace import explain_routing
from torchcaps.models import CapsNet


def capsnet(in_shape=(1, 8, 8), iterations=3, **options):
    torch.manual_seed(0)
    model = tc.create_model(
        "capsnet_small", in_shape, 4, stem_channels=6, types=3, init_std=3.0, decoder="none",
        iterations=iterations, **options,
    )  # fmt: skip
    assert isinstance(model, CapsNet)
    return model


@pytest.mark.parametrize(
    ("in_shape", "options"),
    [
        ((1, 8, 8), {}),
        ((1, 12, 9), {}),
        ((2, 9, 14), {"kernel_size": 4}),
        ((1, 8, 8), {"leaky": True}),
    ],
)
def test_a_part_depends_on_the_pixels_it_looks_at_and_on_no_other(in_shape, options):
    model = capsnet(in_shape, **options)
    image = torch.rand(in_shape, requires_grad=True)
    children = model.primary_capsules(image[None])[0]
    length = children.norm(dim=-1).detach()
    order = length.argsort(descending=True).tolist()
    parts = explain_routing(model, image.detach(), strongest=len(order)).parts
    assert [part.length for part in parts] == pytest.approx(length[order].tolist())
    positions = len(order) // 3
    for child, part in zip(order, parts, strict=True):
        assert part.type == child // positions
        (seen,) = torch.autograd.grad(children[child].sum(), image, retain_graph=True)
        rows, columns = (seen.abs().sum(0) > 0).nonzero().T
        top, left = rows.min().item(), columns.min().item()
        assert (part.top, part.left) == (top, left)
        assert {part.side} == {rows.max().item() - top + 1, columns.max().item() - left + 1}


def test_couplings_and_lengths_are_those_that_the_model_ends_with():
    model, image = capsnet(iterations=5), torch.rand(1, 8, 8)
    example = explain_routing(model, image, strongest=4)
    with torch.no_grad():
        u = model.primary_capsules(image[None])
        history = model.capsules.explain(u).history
        scores = model(image[None]).scores[0]
    assert history is not None
    strongest = u[0].norm(dim=-1).topk(4).indices
    torch.testing.assert_close(example.couplings, history[:, 0, strongest])
    torch.testing.assert_close(example.lengths[-1], scores)
    assert example.winner == scores.argmax()
    model.capsules.iterations = 2
    with torch.no_grad():
        torch.testing.assert_close(example.lengths[1], model(image[None]).scores[0])


def test_no_more_parts_than_there_are():
    assert len(explain_routing(capsnet(), torch.rand(1, 8, 8), strongest=99).parts) == 12


def test_a_model_without_couplings_is_refused():
    with pytest.raises(ValueError, match=r"trace_routing, model: expected .* got cnn"):
        explain_routing(tc.create_model("cnn", (1, 8, 8), 4), torch.rand(1, 8, 8))
