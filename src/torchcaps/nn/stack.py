"""Layers of capsules that route at the same time."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from torchcaps.nn.dense import DenseCapsules
from torchcaps.ops import lengths
from torchcaps.ops.precision import at_least_float32, without_autocast
from torchcaps.ops.routing import Capsules, Children, InvertedAttention
from torchcaps.ops.routing.whole import one_pass


class CapsuleStack(nn.Module):
    """Dense capsule layers, one above the other, whose iterations are concurrent: after one pass
    from the bottom up, every further iteration updates all layers at once from what their children
    and parents were in the iteration before.

    Args:
        layers: `DenseCapsules` with routing "inverted_attention" and one number of iterations, from
            the lowest to the highest, each built for the poses below.

    `[B, I, E] -> Capsules(poses [B, J, D], activations [B, J])` of the highest layer; `all_layers`
    gives those of each. With one iteration it is `nn.Sequential`. All votes are held at once.

    Source: Tsai, Srivastava, Goh & Salakhutdinov 2020, section 3.2.
    """

    def __init__(self, layers: Sequence[DenseCapsules]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        counts = {layer.iterations for layer in layers}
        kinds = [layer.routing.algorithm_class for layer in layers]
        if len(counts) != 1 or not all(issubclass(kind, InvertedAttention) for kind in kinds):
            raise ValueError(
                "CapsuleStack, layers: expected DenseCapsules with routing 'inverted_attention', "
                f"all of one number of iterations; got iterations {sorted(counts)} and routings "
                f"{[type(layer.routing).__name__ for layer in layers]}; build them alike"
            )

    def forward(self, u: Float[Tensor, "B I E"]) -> Capsules:
        return self.all_layers(u)[-1]

    def all_layers(self, u: Float[Tensor, "B I E"]) -> list[Capsules]:
        """The capsules of each layer after the last iteration, from the lowest."""
        layers = [layer for layer in self.layers if isinstance(layer, DenseCapsules)]
        with without_autocast(u.device):
            u = at_least_float32(u)
            states: list[Tensor] = []
            for layer in layers:
                below = states[-1] if states else u
                shape = (u.shape[0], layer.out_capsules, layer.out_dim)
                states.append(_step(layer, below, below.new_zeros(shape), 0))
            for t in range(1, layers[0].iterations):
                before = [u, *states]
                states = [
                    _step(layer, before[k], before[k + 1], t) for k, layer in enumerate(layers)
                ]
            return [
                Capsules(*layer.routing.algorithm().finish(state))
                for layer, state in zip(layers, states, strict=True)
            ]


def _step(layer: DenseCapsules, below: Tensor, state: Tensor, t: int) -> Tensor:
    """One iteration of one layer."""
    algorithm = layer.routing.algorithm().to(torch.promote_types(below.dtype, torch.float32))
    children = Children(layer.votes(below), lengths(below), below)
    statistics = one_pass(algorithm, children, None, state, t)[0]
    return algorithm.update(statistics, state, t)
