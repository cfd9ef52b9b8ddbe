"""Filters made of free weights and a fixed basis: made anew for every gradient, else kept."""

from abc import abstractmethod

import torch
from torch import Tensor, nn


class ExpandedFilters(nn.Module):
    """Base of layers whose filters are `expand(weight)`.

    While a gradient may flow to the weights, the filters are made in every call. Otherwise they
    are kept, beside a copy of the weights that they were made from, and made again as soon as the
    weights differ: whatever moved them (an optimizer, a checkpoint, another device), kept filters
    are never stale. They are no part of the state dict.
    """

    weight: nn.Parameter

    def __init__(self) -> None:
        super().__init__()
        self._kept: tuple[Tensor, Tensor] | None = None

    @abstractmethod
    def expand(self, weight: Tensor) -> Tensor:
        """The filters that `weight` stands for."""

    def filters(self) -> Tensor:
        """The filters of the present weights."""
        weight = self.weight
        if torch.compiler.is_compiling() or (torch.is_grad_enabled() and weight.requires_grad):
            return self.expand(weight)
        if self._kept is None or not _same(self._kept[0], weight):
            with torch.inference_mode(False), torch.no_grad():
                self._kept = weight.detach().clone(), self.expand(weight.detach())
        return self._kept[1]

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_kept": None}


def _same(kept: Tensor, weight: Tensor) -> bool:
    return kept.dtype == weight.dtype and kept.device == weight.device and torch.equal(kept, weight)
