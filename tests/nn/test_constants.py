"""Fixed tensors follow their module, keep every digit, and are no part of what is saved."""

import copy

import pytest
import torch

from torchcaps.nn import EquivariantCapsules, GroupConv2d, LiftingConv2d, SmoothPool2d, WindowLoss
from torchcaps.nn.constants import WithConstants

BUILD = {
    "lifting": lambda: LiftingConv2d(2, 3, 5, 8),
    "group": lambda: GroupConv2d(2, 3, 3, 8),
    "capsules": lambda: EquivariantCapsules(3, (2, 2), 4, 2, 8),
    "pool": lambda: SmoothPool2d(),
    "loss": lambda: WindowLoss(8),
}


@pytest.fixture(params=BUILD)
def build(request):
    return BUILD[request.param]


def constants(module: WithConstants) -> dict[str, torch.Tensor]:
    return dict(module.named_buffers())


def test_they_go_where_the_module_goes_and_no_state_dict_holds_them(build):
    module = build()
    assert set(module._exact) == set(constants(module)) != set()
    assert not set(constants(module)) & set(module.state_dict())
    for tensor in constants(module.to("meta")).values():
        assert tensor.is_meta
    floating = [x for x in constants(build().double()).values() if x.is_floating_point()]
    assert {x.dtype for x in floating} == {torch.float64}
    plain = [x for x in vars(module).values() if isinstance(x, torch.Tensor)]
    assert plain == []


@pytest.mark.parametrize(
    "journey",
    [
        lambda m: m.bfloat16().float(),
        lambda m: m.to("meta").to_empty(device="cpu"),
        copy.deepcopy,
    ],
    ids=["bfloat16", "meta", "copy"],
)
def test_no_digit_is_lost_on_the_way(build, journey):
    expected, found = constants(build().double()), constants(journey(build()).double())
    for name, tensor in expected.items():
        assert torch.equal(found[name], tensor), name


def test_under_the_meta_device_they_are_numbers_all_the_same(build):
    with torch.device("meta"):
        module = build()
    assert all(p.is_meta for p in module.parameters())
    for name, tensor in constants(build()).items():
        assert torch.equal(constants(module)[name], tensor), name
