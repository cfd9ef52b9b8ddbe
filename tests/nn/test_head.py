"""A head on features of any layout: what it computes, what it takes, what it refuses."""

import pytest
import torch
from torch.nn import functional as F

from torchcaps.nn import ROUTINGS, CapsuleHead
from torchcaps.ops import Capsules, squash

# Those with a row of parameters for each child, whose number is fixed.
FIXED = {"self_attention", "self_routing", "heinsen", "vector", "random"}


def head(*arguments, **options):
    torch.manual_seed(0)
    return CapsuleHead(*arguments, **{"types": 3, "primary_dim": 4, "pose_dim": 5, **options})


def draw(*shape, seed=1):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).double()


@pytest.mark.parametrize("share", [True, False], ids=["shared", "own"])
@pytest.mark.parametrize("size", [(3, 5), (7,)], ids=["map", "line"])
def test_it_is_what_loops_over_types_and_positions_make(size, share):
    """Uniform couplings, written out: a product for each type, position and parent."""
    layer = head((6, *size), 2, routing="uniform", share_positions=share).double()
    x = draw(2, 6, *size)
    flat, parameters = x.flatten(2), dict(layer.named_parameters())
    kernel = parameters["primary.conv.weight"].reshape(3, 4, 6)
    bias = parameters["primary.conv.bias"].reshape(3, 4)
    weight, positions = layer.capsules.weight, flat.shape[2]
    s = torch.zeros(2, 2, 5).double()
    for kind in range(3):
        for place in range(positions):
            child = squash(flat[:, :, place] @ kernel[kind].T + bias[kind])
            own = kind if share else kind * positions + place
            for parent in range(2):
                s[:, parent] += child @ weight[own, parent].T / 2
    poses, activations = layer(x)
    torch.testing.assert_close(poses, squash(s))
    torch.testing.assert_close(activations, squash(s).norm(dim=-1))
    assert torch.equal(layer.scores(Capsules(poses, activations)), activations)


def test_channels_may_come_last():
    first, last = head((6, 3, 5), 2), head((3, 5, 6), 2, channels_last=True)
    last.load_state_dict(first.state_dict())
    x = draw(2, 6, 3, 5).float()
    assert torch.equal(first(x).poses, last(x.movedim(1, -1)).poses)
    tokens, line = head((7, 6), 2, channels_last=True), head((6, 7), 2)
    tokens.load_state_dict(line.state_dict())
    x = draw(2, 6, 7).float()
    assert torch.equal(line(x).poses, tokens(x.mT).poses)


def test_kernel_stride_and_padding_are_those_of_a_convolution():
    layer = head((6, 9, 7), 2, kernel_size=3, stride=2, padding=1)
    assert layer.grid((6, 9, 7)) == (5, 4)
    x = draw(2, 6, 9, 7).float()
    assert layer.primary_capsules(x).shape == (2, 3 * 20, 4)
    assert layer(x).poses.shape == (2, 2, 5)
    conv = layer.primary.conv
    assert torch.equal(conv(x), F.conv2d(x, conv.weight, conv.bias, stride=2, padding=1))


def build(routing, in_shape=(7, 6), **options):
    """On tokens, in evaluation mode, with parameters away from where they start."""
    options = {"channels_last": True, "share_positions": True, **options}
    layer = head(in_shape, 2, routing=routing, **options).double().eval()
    for x in layer.parameters():
        x.data += 0.1 * torch.rand_like(x)
    return layer


@pytest.mark.parametrize("routing", list(ROUTINGS))
def test_what_is_masked_changes_nothing(routing):
    layer, mask = build(routing), torch.arange(7) < torch.tensor([7, 4, 0])[:, None]
    found = []
    for seed, junk in ((2, 1.0), (3, float("nan"))):
        other = draw(3, 7, 6, seed=seed) * junk
        x = torch.where(mask[..., None], draw(3, 7, 6), other).requires_grad_()
        out = layer(x, mask)
        loss = layer.scores(out).square().sum() + out.poses.sum()
        grads = torch.autograd.grad(loss, [x, *layer.parameters()], allow_unused=True)
        assert (grads[0][~mask] == 0).all()
        found.append([*out, *(grad for grad in grads if grad is not None)])
    for one, other in zip(*found, strict=True):
        assert one.isfinite().all()
        torch.testing.assert_close(one, other, rtol=0, atol=0)


@pytest.mark.parametrize("routing", sorted({*ROUTINGS} - FIXED))
def test_padding_is_as_if_it_were_not_there_and_any_number_is_taken(routing):
    layer = build(routing)
    x, mask = draw(2, 7, 6), torch.arange(7).expand(2, 7) < 4
    for one, other in zip(layer(x, mask), layer(x[:, :4]), strict=True):
        torch.testing.assert_close(one, other)
    assert layer(draw(2, 11, 6)).poses.shape == (2, 2, 5)


@pytest.mark.parametrize("routing", sorted({*ROUTINGS} - FIXED))
def test_maps_of_any_size_are_taken_and_the_order_of_positions_is_of_no_account(routing):
    layer = build(routing, (3, 4, 6))
    x = draw(2, 5, 2, 6)
    for one, other in zip(layer(x), layer(x.flip(1, 2)), strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize(
    "options", [{"share_positions": False}, *({"routing": name} for name in sorted(FIXED))], ids=str
)
@pytest.mark.usefixtures("unchecked")
def test_a_fixed_number_of_children_is_one_size_of_features(options):
    layer = head((7, 6), 2, **{"channels_last": True, "share_positions": True, **options}).eval()
    assert layer(torch.rand(2, 7, 6)).poses.shape == (2, 2, 5)
    text = r"CapsuleHead, x: expected features \[B, 7, 6\]; got \(2, 8, 6\); build the head with"
    with pytest.raises(ValueError, match=text):
        layer(torch.rand(2, 8, 6))


def test_the_fixed_ones_are_known():
    """A new routing with parameters for each child belongs into FIXED."""
    layers = {x: head((7, 6), 2, routing=x, share_positions=True).capsules for x in ROUTINGS}
    found = {name for name, layer in layers.items() if not layer.takes_any_number}
    assert found == FIXED


@pytest.mark.parametrize("routing", list(ROUTINGS))
def test_it_is_built_again_from_its_configuration(routing):
    first = head((6, 3, 5), 2, routing=routing, kernel_size=2)
    again = CapsuleHead(**first.config)
    assert again.config == first.config
    again.load_state_dict(first.state_dict())
    x = draw(2, 6, 3, 5).float()
    assert torch.equal(first.eval()(x).poses, again.eval()(x).poses)
    assert first.score_kind == first.capsules.routing.score_kind


@pytest.mark.parametrize(
    ("arguments", "options", "text"),
    [
        (
            ((6,), 2),
            {},
            r"in_shape: expected \(C, \*size\) of a map or of tokens, .* got \(6,\); t",
        ),
        (((6, 0, 3), 2), {}, r"in_shape: expected .* all at least 1; got \(6, 0, 3\)"),
        (((6,), 2), {"channels_last": True}, r"in_shape: expected \(\*size, C\) of"),
        (((6, 3, 3), 0), {}, "num_classes: expected a whole number, at least 1; got 0"),
        (((6, 3, 3), 2), {"types": 0}, "types: expected a whole number, at least 1; got 0"),
        (((6, 3, 3), 2), {"routing": "dynamik"}, "routing: .* did you mean 'dynamic'"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_a_head_that_cannot_be_is_named(arguments, options, text):
    with pytest.raises(ValueError, match=f"^CapsuleHead, {text}"):
        head(*arguments, **options)


@pytest.mark.parametrize("shape", [(2, 5, 3, 5), (2, 6, 3), (6, 3, 5), (2, 3, 5, 6)])
@pytest.mark.usefixtures("unchecked")
def test_features_of_other_channels_or_rank_are_named(shape):
    text = rf"CapsuleHead, x: expected features \[B, 6, 3, 5\] or another size; got \({shape[0]}, "
    with pytest.raises(ValueError, match=text):
        head((6, 3, 5), 2, share_positions=True)(torch.zeros(shape))


@pytest.mark.usefixtures("unchecked")
def test_a_mask_of_another_size_or_for_larger_kernels_is_refused():
    x, text = torch.zeros(2, 7, 6), r"CapsuleHead, mask: expected \(2, 7\) for kernels of 1; got "
    with pytest.raises(ValueError, match=text + r"\(2, 6\)"):
        head((7, 6), 2, channels_last=True)(x, torch.ones(2, 6).bool())
    with pytest.raises(ValueError, match=text + r"\(2, 7\) for kernels of 3"):
        head((7, 6), 2, channels_last=True, kernel_size=3)(x, torch.ones(2, 7).bool())
