"""What holds for all registered routings: PyTorch's tools, precision, saving."""

import copy
import pickle

import pytest
import torch
from torch.func import functional_call, grad, jvp, vjp, vmap

from torchcaps.nn import DenseCapsules
from torchcaps.ops.routing import Capsules

ENGINES = ("whole", "tiled")


def total(tensors):
    """The sum of all their elements."""
    return torch.stack([x.sum() for x in tensors]).sum()


@pytest.mark.parametrize("engine", ENGINES)
def test_autocast_leaves_routing_in_float32(build, children, tiles, routing, engine):
    layer = build(routing, 13, 3, 3, 5, backend=engine).float()
    u, a = (x.float().requires_grad_() for x in children(2, 13, 3))
    plain = layer.route(u, a)
    with torch.autocast("cpu", torch.bfloat16):
        inside = layer.route(u, a)
        scores = layer.routing.scores(inside)
    assert [x.dtype for x in (*inside, scores)] == [torch.float32] * 3
    torch.testing.assert_close(scores, layer.routing.scores(plain))
    wanted = [u, *layer.parameters()]
    for one, other in zip(inside, plain, strict=True):
        torch.testing.assert_close(one, other)
    found, expected = (
        torch.autograd.grad(total(out), wanted, allow_unused=True) for out in (inside, plain)
    )
    for one, other in zip(found, expected, strict=True):
        if other is not None:
            torch.testing.assert_close(one, other)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("whole_layer", [False, True], ids=["children", "layer"])
def test_bfloat16_is_routed_in_float32(build, children, tiles, routing, engine, whole_layer):
    layer = build(routing, 13, 3, 3, 5, backend=engine).float()
    u, a = (x.bfloat16() for x in children(2, 13, 3))
    if whole_layer:
        layer = layer.bfloat16()
    exact = copy.deepcopy(layer).double().route(u.double(), a.double())
    poses, activations = out = layer.route(u, a)
    assert poses.dtype == torch.bfloat16 if whole_layer else torch.float32
    assert activations.dtype == torch.float32
    near = 1e-2 if whole_layer else 1e-4
    torch.testing.assert_close(poses.double(), exact.poses, rtol=near, atol=near)
    torch.testing.assert_close(activations.double(), exact.activations, rtol=1e-4, atol=1e-5)
    assert layer.routing.scores(out).isfinite().all()
    told = layer.explain(u)
    assert layer.gather(u, told.couplings)[0].isfinite().all()


@pytest.mark.parametrize("engine", ENGINES)
def test_wider_children_widen_the_layer(build, children, tiles, routing, engine):
    layer = build(routing, 13, 3, 3, 5, backend=engine).float()
    out = layer.route(*children(2, 13, 3))
    assert [x.dtype for x in out] == [torch.float64] * 2
    exact = layer.double().route(*children(2, 13, 3))
    for one, other in zip(out, exact, strict=True):
        torch.testing.assert_close(one, other)


def test_transforms_of_torch_func(build, children, routing):
    layer = build(routing, 7, 3, 3, 4)
    u, a = children(3, 7, 3)
    parameters = {name: x.detach() for name, x in layer.named_parameters()}

    def parents(parameters, u, a):
        return tuple(functional_call(layer, parameters, (Capsules(u, a),)))

    def loss(parameters, u, a):
        return total([x.square() for x in parents(parameters, u, a)])

    per_image = vmap(
        lambda parameters, u, a: grad(loss)(parameters, u[None], a[None]), in_dims=(None, 0, 0)
    )(parameters, u, a)
    expected = [grad(loss)(parameters, u[k : k + 1], a[k : k + 1]) for k in range(3)]
    for name, found in per_image.items():
        wanted = torch.stack([each[name] for each in expected])
        torch.testing.assert_close(found, wanted, rtol=1e-8, atol=1e-8)

    leaves = {name: x.clone().requires_grad_() for name, x in parameters.items()}
    plain = torch.autograd.grad(loss(leaves, u, a), list(leaves.values()), allow_unused=True)
    whole = grad(loss)(parameters, u, a)
    for found, wanted in zip(whole.values(), plain, strict=True):
        torch.testing.assert_close(found, torch.zeros_like(found) if wanted is None else wanted)

    tangent = torch.randn(u.shape, generator=torch.Generator().manual_seed(4)).double()
    out, forward = jvp(lambda u: parents(parameters, u, a), (u,), (tangent,))[:2]
    pull = vjp(lambda u: parents(parameters, u, a), u)[1]
    cotangents = tuple(torch.ones_like(x) for x in out)
    torch.testing.assert_close(total(forward), (pull(cotangents)[0] * tangent).sum())


@pytest.mark.usefixtures("unchecked")  # shape checks cannot be compiled
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_compiled_layer_is_the_same_layer(build, children, routing):
    layer = build(routing, 7, 3, 3, 4)
    compiled = torch.compile(layer, backend="aot_eager")
    u, a = children(2, 7, 3)
    found, expected = [], []
    for call, into in ((compiled, found), (layer, expected)):
        leaf = u.clone().requires_grad_()
        out = call(Capsules(leaf, a))
        into += [*out, torch.autograd.grad(total([x.square() for x in out]), leaf)[0]]
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other)
    torch._dynamo.reset()


def test_state_copies_and_pickles_route_the_same(build, children, routing):
    layer = build(routing, 13, 3, 3, 5)
    inputs = children(2, 13, 3)
    expected = layer.route(*inputs)
    fresh = DenseCapsules(13, 3, 3, 5, routing=routing).double().eval()
    fresh.load_state_dict(layer.state_dict())
    for other in (fresh, copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert all(map(torch.equal, other.route(*inputs), expected))
        assert repr(other) == repr(layer)


def test_a_layer_can_be_built_on_the_meta_device(build, children, routing):
    layer = build(routing, 13, 3, 3, 5).float()
    with torch.device("meta"):
        empty = DenseCapsules(13, 3, 3, 5, routing=routing)
    assert all(x.is_meta for x in empty.parameters())
    empty.to_empty(device="cpu").load_state_dict(layer.state_dict())
    u, a = (x.float() for x in children(2, 13, 3))
    assert all(map(torch.equal, empty.eval().route(u, a), layer.route(u, a)))


def test_a_step_of_training_reaches_every_parameter(children, routing):
    torch.manual_seed(0)
    layer = DenseCapsules(13, 3, 3, 5, routing=routing)
    out = layer.route(*(x.float() for x in children(4, 13, 3)))
    scores = layer.routing.scores(out)
    assert scores.shape == (4, 3)
    weight = torch.randn(4, 3, generator=torch.Generator().manual_seed(5))
    ((scores * weight).sum() + (out.poses[..., 0] * weight).sum()).backward()
    for name, parameter in layer.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


def test_a_bias_saved_before_routing_was_a_module_is_read(children):
    layer = DenseCapsules(13, 3, 3, 5, bias=True)
    bias = torch.randn(3, 5)
    layer.load_state_dict({"weight": torch.randn(13, 3, 5, 3), "bias": bias})
    assert isinstance(layer.bias, torch.Tensor)
    assert torch.equal(layer.bias, bias)
