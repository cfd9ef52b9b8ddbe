"""Layers that turn with their input: exactness, kept filters, refusals."""

import copy

import pytest
import torch

from torchcaps.nn import (
    EquivariantCapsules,
    GroupConv2d,
    LiftingConv2d,
    SmoothPool2d,
    WindowLoss,
)
from torchcaps.nn.equivariant_sizes import centred_output
from torchcaps.ops import lengths, rotate_pose, votes
from torchcaps.ops.routing import dynamic_routing


def rand(*shape):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def turn(maps, quarters):
    """A quarter turn of functions of orientation (axis 2) and position."""
    steps = quarters * maps.shape[2] // 4
    return torch.rot90(maps, quarters, (3, 4)).roll(steps, 2)


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


@pytest.mark.parametrize("geometry", [(5, 1, 0), (4, 2, 0), (3, 2, 1), (5, 1, 2), (1, 1, 0)])
@pytest.mark.parametrize("n", [4, 8])
def test_lifted_maps_turn_and_shift_by_quarters(n, geometry):
    kernel, stride, padding = geometry
    size = 12 if kernel % 2 == 0 else 13
    layer = LiftingConv2d(2, 3, kernel, n, stride=stride, padding=padding).double()
    assert layer.bias is not None
    torch.nn.init.normal_(layer.bias)
    x = rand(2, 2, size, size)
    maps = layer(x)
    assert maps.shape == (2, 3, n, *layer.grid(size, size))
    for quarters in (1, 2, 3):
        again = layer(torch.rot90(x, quarters, (2, 3)))
        torch.testing.assert_close(again, turn(maps, quarters), rtol=0, atol=1e-12)
    assert kernel == 1 or (layer(torch.rot90(x, 1, (2, 3))) - turn(maps, 3)).abs().max() > 0.1


@pytest.mark.parametrize("geometry", [(5, 1, 0), (4, 2, 0), (3, 2, 1), (1, 1, 0)])
@pytest.mark.parametrize("angular_frequency", [None, 1])
def test_group_convolution_turns_and_shifts_by_quarters(geometry, angular_frequency):
    kernel, stride, padding = geometry
    size = 8 if kernel % 2 == 0 else 9
    options = {"stride": stride, "padding": padding, "angular_frequency": angular_frequency}
    layer = GroupConv2d(3, 2, kernel, 8, **options).double()
    assert layer.bias is not None
    torch.nn.init.normal_(layer.bias)
    x = rand(2, 3, 8, size, size)
    maps = layer(x)
    assert maps.shape == (2, 2, 8, *layer.grid(size, size))
    for quarters in (1, 2, 3):
        again = layer(turn(x, quarters))
        torch.testing.assert_close(again, turn(maps, quarters), rtol=0, atol=1e-12)
    assert (layer(torch.rot90(x, 1, (3, 4))) - turn(maps, 1)).abs().max() > 0.1


@pytest.mark.parametrize("size", [(8, 8), (9, 9)])
def test_pooling_turns_by_quarters_and_keeps_the_mean(size):
    x = rand(2, 3, 4, *size)
    pooled = SmoothPool2d()(x)
    assert pooled.shape == (2, 3, 4, -(-size[0] // 2), -(-size[1] // 2))
    torch.testing.assert_close(SmoothPool2d()(turn(x, 1)), turn(pooled, 1))
    inside = SmoothPool2d()(torch.ones_like(x))[..., 1:-1, 1:-1]
    torch.testing.assert_close(inside, torch.ones_like(inside))


def test_pooling_takes_maps_that_are_even_one_way_and_odd_the_other():
    assert SmoothPool2d()(rand(1, 2, 4, 7, 10)).shape == (1, 2, 4, 4, 5)


@pytest.mark.parametrize("size", [4, 5])
@pytest.mark.parametrize("iterations", [1, 3])
def test_poses_shift_by_quarters_through_routing(size, iterations):
    layer = EquivariantCapsules(3, (size, size), 4, 2, 8, iterations=iterations).double()
    layer.weight.data *= 5
    maps = rand(2, 3, 8, size, size)
    poses = layer(_children(maps))
    assert poses.shape == (2, 4, 16)
    for quarters in (1, 2, 3):
        again = layer(_children(turn(maps, quarters)))
        torch.testing.assert_close(
            again, rotate_pose(poses, 90 * quarters, n=8), rtol=0, atol=1e-12
        )
        torch.testing.assert_close(lengths(again), lengths(poses), rtol=0, atol=1e-12)
    assert (again - poses).abs().max() > 0.01


@pytest.mark.parametrize("angular_frequency", [None, 1])
def test_routing_is_that_of_every_other_layer_and_explains_itself(angular_frequency):
    """Among waves or among orientations: the same poses, couplings and lengths."""
    options = {"angular_frequency": angular_frequency, "frequency": 1}
    layer = EquivariantCapsules(3, (2, 3), 4, 2, 8, **options).double()
    u = rand(2, 18, 8)
    weight = layer.filters().unflatten(2, (-1, 2))
    whole = torch.einsum("ijsdq,sa,qb->ijadb", weight, layer.out_harmonics, layer.in_harmonics)
    reference = dynamic_routing(votes(u, whole.flatten(2, 3)), 3)
    told = layer.explain(u)
    torch.testing.assert_close(layer(u), reference.poses)
    torch.testing.assert_close(told.poses, reference.poses)
    torch.testing.assert_close(told.couplings, reference.couplings)
    assert len(layer.out_harmonics) == (8 if angular_frequency is None else 5)


def _children(maps):
    return maps.permute(0, 1, 3, 4, 2).flatten(1, 3)


LAYERS = {
    "lifting": (lambda: LiftingConv2d(2, 3, 3, 4), (2, 2, 7, 7)),
    "group": (lambda: GroupConv2d(2, 3, 3, 4), (2, 2, 4, 5, 5)),
    "capsules": (lambda: EquivariantCapsules(2, (3, 3), 3, 2, 4), (2, 18, 4)),
}


@pytest.fixture(params=LAYERS)
def layer_and_input(request):
    make, shape = LAYERS[request.param]
    return make(), torch.randn(shape)


def test_filters_are_kept_until_the_weights_move(layer_and_input):
    layer, x = layer_and_input
    with torch.no_grad():
        first = layer(x)
        kept = layer.filters()
        assert layer.filters() is kept
        layer.weight.data.mul_(2)  # unseen by autograd's version counter
        assert layer.filters() is not kept
        assert not torch.equal(layer(x), first)
        layer.weight.data.div_(2)
        torch.testing.assert_close(layer(x), first)


def test_an_optimizer_step_and_a_checkpoint_renew_the_filters(layer_and_input):
    layer, x = layer_and_input
    state = copy.deepcopy(layer.state_dict())
    assert all("kept" not in key for key in state)
    with torch.no_grad():
        before = layer.eval()(x)
    optimizer = torch.optim.Adam(layer.parameters(), lr=0.1, fused=True)
    layer(x).sum().backward()
    optimizer.step()
    with torch.no_grad():
        assert not torch.equal(layer(x), before)
        layer.load_state_dict(state)
        assert torch.equal(layer(x), before)


def test_another_dtype_a_copy_and_inference_mode(layer_and_input):
    layer, x = layer_and_input
    with torch.inference_mode():
        before = layer(x)
    twin = copy.deepcopy(layer)
    with torch.no_grad():
        twin.weight.zero_()
        assert torch.equal(layer(x), before)
        assert not torch.equal(twin(x), before)
        assert layer.double()(x.double()).dtype == torch.float64
    for parameter in layer.float().parameters():
        parameter.requires_grad_(False)
    x.requires_grad_()
    layer(x).sum().backward()  # kept filters may be saved for a gradient of the input
    assert x.grad is not None


def test_gradients_reach_the_weights_also_in_evaluation_mode(layer_and_input):
    layer, x = layer_and_input
    with torch.no_grad():
        layer.eval()(x)
    layer(x).square().sum().backward()
    assert layer.weight.grad.abs().max() > 0


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "remedy"),
    [((28, 28), 9, 2, "10"), ((20, 21), 8, 2, "9"), ((9, 9), 4, 3, "6")],
)
def test_a_stride_that_would_move_the_centre_is_refused(size, kernel, stride, remedy):
    text = rf"here, kernel_size: .* keep their centre; got {kernel}, .*kernel_size={remedy} or stri"
    with pytest.raises(ValueError, match=text):
        centred_output(size, kernel, stride, 0, "here")


@pytest.mark.parametrize("name", ["Lifting", "Group"])
def test_layers_refuse_maps_whose_centre_would_move(name):
    layer = LiftingConv2d(1, 2, 3, 4, stride=2) if name == "Lifting" else GroupConv2d(
        1, 2, 3, 4, stride=2
    )  # fmt: skip
    x = torch.zeros(1, 1, 8, 8) if name == "Lifting" else torch.zeros(1, 1, 4, 8, 8)
    with pytest.raises(ValueError, match=rf"{name}Conv2d, kernel_size: .* keep their centre"):
        layer(x)


@pytest.mark.parametrize(
    ("layer", "shape", "text"),
    [
        (LiftingConv2d(2, 3, 3, 4), (1, 3, 7, 7), r"LiftingConv2d, x: expected images \[B, 2, H"),
        (GroupConv2d(2, 3, 3, 4), (1, 2, 8, 7, 7), r"GroupConv2d, x: expected maps \[B, 2, 4, H"),
        (
            EquivariantCapsules(2, (3, 3), 3, 2, 4),
            (1, 17, 4),
            r"EquivariantCapsules, u: expected children \[B, 18, 4\]; got \(1, 17, 4\)",
        ),
    ],
    ids=["lifting", "group", "capsules"],
)
@pytest.mark.usefixtures("unchecked")
def test_a_map_that_does_not_fit_is_named(layer, shape, text):
    with pytest.raises(ValueError, match=text):
        layer(torch.zeros(shape))


class Answer:
    def __init__(self, poses, reconstruction=None):
        self.poses, self.reconstruction = poses, reconstruction


def test_the_loss_wants_a_bump_of_the_label_upright():
    loss = WindowLoss(8, 60)
    images, labels = torch.zeros(1, 1, 4, 4), torch.tensor([1])
    wanted = (
        1 + loss.upright.log().clamp_min(-loss.gain) / loss.gain
    )  # lengths whose softmax is the bump

    def of(label, steps):
        poses = torch.zeros(1, 3, 8, 2)
        poses[0, label, :, 0] = wanted.roll(steps)
        return loss(Answer(poses.flatten(2)), images, labels).item()

    entropy = -(loss.upright * loss.upright.log()).sum().item()
    assert of(1, 0) == pytest.approx(entropy, abs=0.01)
    assert of(1, 1) > of(1, 0) + 0.3
    assert of(1, 4) > of(1, 2) > of(1, 1)
    assert of(0, 0) > 5
    assert of(0, 2) > 5  # a turn by 45 degrees would bring it into the window
    assert of(0, 4) < of(0, 2)  # upside down it is no rival


def test_the_loss_has_a_gradient_at_nothing_and_adds_the_drawing():
    loss = WindowLoss(8)
    images, labels = torch.ones(2, 1, 4, 4), torch.tensor([1, 0])
    poses = torch.zeros(2, 3, 16, requires_grad=True)
    bare = loss(Answer(poses), images, labels)
    bare.backward()
    assert poses.grad is not None
    assert poses.grad.isfinite().all()
    drawn = loss(Answer(poses, torch.zeros_like(images)), images, labels)
    torch.testing.assert_close(drawn - bare, torch.tensor(0.0005 * 16))
