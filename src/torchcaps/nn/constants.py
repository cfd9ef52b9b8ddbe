"""Fixed tensors of a module: buffers that no state dict holds and no conversion wears down."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn


class WithConstants(nn.Module):
    """Base of modules with tensors that follow from their arguments.

    They are buffers outside the state dict and go where the module goes. Each is copied from the
    exact tensor whenever the module moves, so that bfloat16 and back, or the meta device and
    `to_empty`, leave it as it was.
    """

    def __init__(self) -> None:
        super().__init__()
        self._exact: dict[str, Tensor] = {}

    def add_constant(self, name: str, exact: Tensor) -> None:
        """Register `exact`, a tensor on the CPU, as a buffer of the default device and dtype."""
        self._exact[name] = exact
        device = torch.get_default_device()
        copy = exact.to(device if device.type != "meta" else "cpu")
        if exact.is_floating_point():
            copy = copy.to(torch.get_default_dtype())
        self.register_buffer(name, copy, persistent=False)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Any:
        super()._apply(fn, recurse)
        for name, exact in self._exact.items():
            self.register_buffer(name, exact.to(self.get_buffer(name)), persistent=False)
        return self
