"""Layers that route at the same time, against the numbers of Tsai et al.'s code."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from torchcaps.nn import CapsuleStack, DenseCapsules

FILE = Path(__file__).parents[1] / "ops/routing/published/apple_model_fc_stack.npz"


def stack(numbers: dict[str, Tensor], iterations: int) -> CapsuleStack:
    """Two layers of vector poses, 18 -> 5 -> 3 capsules of 4 numbers."""
    layers = []
    for k, (below, above) in enumerate([(18, 5), (5, 3)]):
        layer = DenseCapsules(
            below, 4, above, 4, routing="inverted_attention", iterations=iterations
        ).double()
        theirs = numbers[f"p.capsule_layers.{k}.w"]  # [I, E, J, D]
        scale = numbers[f"p.capsule_layers.{k}.nonlinear_act.weight"]
        offset = numbers[f"p.capsule_layers.{k}.nonlinear_act.bias"]
        layer.load_state_dict(
            {
                "weight": theirs.permute(0, 2, 3, 1),
                "routing.scale": scale,
                "routing.offset": offset,
                "routing.score": numbers["p.final_fc.weight"].flatten(),
                "routing.score_bias": numbers["p.final_fc.bias"],
            }
        )
        layers.append(layer)
    return CapsuleStack(layers)


@pytest.fixture(scope="module")
def numbers() -> dict[str, Tensor]:
    arrays = np.load(FILE)
    return {name: torch.from_numpy(arrays[name]) for name in arrays.files}


@pytest.mark.parametrize("iterations", [1, 2, 3])
def test_concurrent_iterations_are_the_authors(numbers, iterations):
    u = numbers["primary"].flatten(1, 3)
    model = stack(numbers, iterations)
    low, high = model.all_layers(u)
    torch.testing.assert_close(
        low.poses, numbers[f"caps1_concurrent_it{iterations}"], rtol=1e-9, atol=1e-9
    )
    torch.testing.assert_close(
        high.poses, numbers[f"caps2_concurrent_it{iterations}"], rtol=1e-9, atol=1e-9
    )
    last = model.layers[-1]
    assert isinstance(last, DenseCapsules)
    scores = last.routing.scores(model(u))
    torch.testing.assert_close(
        scores, numbers[f"logits_concurrent_it{iterations}"], rtol=1e-9, atol=1e-9
    )


@pytest.mark.parametrize("iterations", [1, 2, 3])
def test_layer_after_layer_is_the_authors_sequential_routing(numbers, iterations):
    poses = numbers["primary"].flatten(1, 3)
    for k, layer in enumerate(stack(numbers, iterations).layers, start=1):
        poses = layer(poses).poses
        torch.testing.assert_close(
            poses, numbers[f"caps{k}_sequential_it{iterations}"], rtol=1e-9, atol=1e-9
        )


def test_gradients_reach_every_parameter_and_the_children(numbers):
    u = numbers["primary"].flatten(1, 3).requires_grad_()
    model = stack(numbers, 2)
    model(u).activations.sum().backward()
    assert u.grad is not None
    assert u.grad.abs().max() > 0
    silent = [name for name, p in model.named_parameters() if p.grad is None]
    assert silent == ["layers.0.routing.score", "layers.0.routing.score_bias"]


@pytest.mark.usefixtures("unchecked")
def test_layers_of_other_kinds_are_refused():
    layers = [DenseCapsules(4, 3, 2, 3, routing="inverted_attention"), DenseCapsules(2, 3, 2, 3)]
    with pytest.raises(ValueError, match=r"CapsuleStack, layers: expected .*; got iterations \[2"):
        CapsuleStack(layers)
