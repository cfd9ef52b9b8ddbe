"""PyTorch's own tools for modules work on every registered model."""

import copy

import pytest
import torch
from torch import distributed, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor
from torch.func import functional_call
from torch.nn.utils import parametrizations, prune

import torchcaps as tc
from torchcaps.nn import DenseCapsules, EquivariantCapsules, GroupConv2d, LiftingConv2d
from torchcaps.nn.layer import as_capsules
from torchcaps.nn.routing_module import RoutingModule


@pytest.fixture
def data(small, labels_for):
    generator = torch.Generator().manual_seed(0)
    return torch.rand(4, *small.in_shape, generator=generator), labels_for(small, 1, 0, 0, 1)


def convolutions(model):
    """Every layer with a kernel, by name: PyTorch's and our own."""
    kinds = (nn.Conv1d, nn.Conv2d, LiftingConv2d, GroupConv2d)
    return {n: m for n, m in model.named_modules() if isinstance(m, kinds)}


def train(model, data, steps=2):
    images, labels = data
    loss, optimizer = model.make_loss(), torch.optim.SGD(model.parameters(), lr=0.01)
    for _ in range(steps):
        optimizer.zero_grad()
        value = loss(model(images, labels), images, labels)
        value.backward()
        optimizer.step()
        assert value.isfinite()


def answer(model, data):
    """All numbers that a model gives."""
    return torch.cat([x.flatten() for x in model(*data) if x is not None])


def test_a_hook_sees_every_convolution(small, data):
    seen = []
    for name, layer in convolutions(small).items():
        layer.register_forward_hook(lambda _, args, out, name=name: seen.append(name))
    small(*data)
    assert sorted(seen) == sorted(convolutions(small))


def doubled(layer, args, out):
    return out + out


def test_a_hook_sees_every_layer_with_parameters_and_may_change_what_it_gives(small, data):
    """But a routing module's, which are read by the algorithm it makes of them."""
    layers = {
        name: layer
        for name, layer in small.named_modules()
        if layer._parameters and not isinstance(layer, RoutingModule)
    }
    before, seen = small(*data).scores, []
    handles = [
        layer.register_forward_hook(lambda _, args, out, name=name: seen.append(name))
        for name, layer in layers.items()
    ]
    assert torch.equal(small(*data).scores, before)
    assert {*seen} == {*layers}
    for handle in handles:
        handle.remove()
    first = next(iter(convolutions(small).values()))
    first.register_forward_hook(doubled)
    assert not torch.equal(small(*data).scores, before)


def test_a_call_with_other_parameters_answers_as_if_they_were_its_own(small, data):
    twin = copy.deepcopy(small)
    with torch.no_grad():
        for parameter in twin.parameters():
            parameter.mul_(1.5)
    found = functional_call(small, dict(twin.named_parameters()), data)
    assert torch.equal(found.scores, twin(*data).scores)
    assert not torch.equal(found.scores, small(*data).scores)


def test_pruned_weights_stay_zero_through_training(small, data):
    for layer in convolutions(small).values():
        prune.random_unstructured(layer, "weight", 0.5)
    before = small(data[0]).scores
    train(small, data)
    with torch.no_grad():
        after = small(data[0]).scores
    assert not torch.equal(before, after)
    for layer in convolutions(small).values():
        assert (layer.weight == 0).float().mean() >= 0.49
        prune.remove(layer, "weight")
    with torch.no_grad():
        torch.testing.assert_close(small(data[0]).scores, after)


@pytest.mark.parametrize("norm", [parametrizations.spectral_norm, parametrizations.weight_norm])
def test_parametrised_weights_are_read_in_every_call_and_train(small, data, norm):
    small.double()  # spectral norms leave little of an image
    data = data[0].double(), data[1]
    for layer in convolutions(small).values():
        norm(layer)
    before = copy.deepcopy(small)
    train(small, data)
    small.eval()
    for old, layer in zip(convolutions(before).values(), convolutions(small).values(), strict=True):
        assert not torch.equal(layer.weight, old.weight)
        with torch.no_grad():
            numbers = answer(small, data)
            for p in layer.get_submodule("parametrizations.weight").parameters():
                p.add_(torch.randn_like(p), alpha=0.1)
            assert not torch.equal(answer(small, data), numbers)


@pytest.fixture
def one_process(tmp_path):
    """A group of this process alone."""
    store = f"file://{tmp_path / 'store'}"
    distributed.init_process_group("gloo", init_method=store, rank=0, world_size=1)
    yield init_device_mesh("cpu", (1,))
    distributed.destroy_process_group()


@pytest.mark.filterwarnings("ignore:FSDP2-wrapped module")
def test_sharded_weights_train_as_whole_ones_do_and_are_saved_whole(
    small, data, one_process, tmp_path
):
    sharded = fully_shard(copy.deepcopy(small), mesh=one_process)
    assert all(isinstance(p, DTensor) for p in sharded.parameters())
    for model in (small, sharded):
        train(model, data)
    found = tc.load_model(tc.save_model(sharded, tmp_path)).state_dict()
    for name, value in small.state_dict().items():
        torch.testing.assert_close(found[name], value)


@pytest.fixture
def capsules(small):
    """Its class capsules."""
    for layer in small.modules():
        if isinstance(layer, DenseCapsules | EquivariantCapsules):
            return layer
    pytest.skip("has no capsules")


def test_dense_transforms_take_a_parametrisation_too(small, capsules, data):
    nn.utils.parametrize.register_parametrization(capsules, "weight", nn.Tanh())
    train(small, data)


def test_autocast_leaves_the_lengths_of_capsules_in_float32(small, capsules, data):
    seen = []
    capsules.register_forward_hook(lambda layer, args, poses: seen.append((args[0], poses)))
    with torch.autocast("cpu", torch.bfloat16):
        out = small(*data)
    assert out.scores.dtype == out.poses.dtype == torch.float32
    ((u, poses),) = seen
    with torch.autocast("cpu", torch.bfloat16):
        told = capsules.explain(u)
    torch.testing.assert_close(capsules(u), poses)
    torch.testing.assert_close(told.poses, as_capsules(poses).poses)
    torch.testing.assert_close(out.scores, small(*data).scores, atol=0.03, rtol=0.1)


def test_a_model_of_ones_own_needs_no_arguments(tmp_path):
    class Fixed(tc.models.Model):
        name = "fixed"

        def __init__(self):
            super().__init__((1, 8, 8), 2)
            self.weight = torch.nn.Parameter(torch.ones(2))

    model = Fixed()
    model.classes = ("a", "b")
    assert model.config == {"model": "fixed", "classes": ["a", "b"]}
    model.save_pretrained(tmp_path)
    again = Fixed.from_pretrained(tmp_path)
    assert again.classes == ("a", "b")
