"""Filters made of free weights and a fixed table: made anew for every gradient, else kept."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from torchcaps.nn.constants import WithConstants
from torchcaps.ops.steerable import expand
from torchcaps.ops.transforms import transformed


class ExpandedFilters(WithConstants):
    """Base of layers whose filters are `weight` times a `table` that turns with the input.

    While a gradient may flow to the weights, the filters are made in every call. Otherwise they
    are kept, beside a copy of the weights that they were made from, and made again as soon as the
    weights differ: whatever moved them (an optimizer, a checkpoint, another device), kept filters
    are never stale. They are no part of the state dict.

    Args:
        table: float64, of `torchcaps.ops.steerable`.
    """

    weight: nn.Parameter
    table: Tensor

    def __init__(self, table: Float[Tensor, "F S Q height width"]) -> None:
        super().__init__()
        # In four axes: .to(memory_format=torch.channels_last) refuses a floating buffer of five.
        self.add_constant("table", table.flatten(3))
        self._size = table.shape[3:]
        self._kept: tuple[Tensor, Tensor] | None = None

    def expand(self, weight: Tensor) -> Tensor:
        """The filters that `weight` stands for, as a convolution wants them."""
        return self.arrange(expand(weight, self.table.unflatten(3, self._size)))

    def arrange(self, filters: Float[Tensor, "O S C Q height width"]) -> Tensor:
        """Axes as the layer's product wants them; here, those of a convolution."""
        return filters.flatten(2, 3).flatten(0, 1)

    def filters(self) -> Tensor:
        """The filters of the present weights."""
        weight = self.weight
        follows = (torch.is_grad_enabled() and weight.requires_grad) or transformed(weight)
        if follows or weight.is_meta or torch.compiler.is_compiling():
            return self.expand(weight)
        if self._kept is None or not _same(self._kept[0], weight):
            with torch.inference_mode(False), torch.no_grad():
                self._kept = weight.detach().clone(), self.expand(weight.detach())
        return self._kept[1]

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_kept": None}


def _same(kept: Tensor, weight: Tensor) -> bool:
    return kept.dtype == weight.dtype and kept.device == weight.device and torch.equal(kept, weight)


def along_orientations(
    waves: Float[Tensor, "m n"], maps: Float[Tensor, "B C n H W"]
) -> Float[Tensor, "B C m H W"]:
    """`waves` times the axis of the orientations."""
    return (waves.to(maps) @ maps.flatten(3)).unflatten(3, maps.shape[3:])


def response(table: Float[Tensor, "F S Q height width"]) -> float:
    """Norm of one orientation's filter for weights of norm 1: what an initialisation divides by."""
    if table.is_meta:  # a layer of which only the shapes are asked
        return 1.0
    orientations = table.shape[1]
    return float((table.square().sum() / orientations).sqrt())
