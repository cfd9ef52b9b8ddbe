"""What convolutional capsules of both directions share."""

from collections.abc import Sequence
from math import prod
from typing import Any, Unpack

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

from torchcaps.nn.layer import CapsuleLayer, LayerOptions
from torchcaps.nn.sizes import Sizes
from torchcaps.ops import Capsules
from torchcaps.options import check_several, check_sizes

_NAMES = "DHW"


class WindowCapsules(CapsuleLayer):
    """What both directions share: a row of transforms for each type at each place of a kernel."""

    axes: int

    def __init__(
        self,
        types: int,
        dim: int,
        out_types: int,
        out_dim: int,
        kernel_size: Sizes,
        stride: Sizes,
        padding: Sizes,
        dilation: Sizes,
        **options: Unpack[LayerOptions],
    ) -> None:
        check_sizes(self._where, types=types, dim=dim, out_types=out_types, out_dim=out_dim)
        kernel = self._each("kernel_size", kernel_size)
        children = prod(kernel) * types
        super().__init__((children, dim, out_types, out_dim), children, **options)
        self.kernel_size, self.types, self.out_types = kernel, types, out_types
        self.stride = self._each("stride", stride)
        self.padding = self._each("padding", padding, least=0)
        self.dilation = self._each("dilation", dilation)

    def _each(self, name: str, sizes: Sizes, least: int = 1) -> tuple[int, ...]:
        """One number for each axis."""
        several = (sizes,) * self.axes if isinstance(sizes, int) else sizes
        if isinstance(several, list | tuple) and all(type(n) is int for n in several):
            several = tuple(n + 1 - least for n in several)
        check_several(self._where, name, several, self.axes)
        return tuple(n - 1 + least for n in several)

    def forward(
        self,
        u: Float[Tensor, "B T *size E"] | Capsules,
        activations: Float[Tensor, "B T *size"] | None = None,
        mask: Bool[Tensor, "B T *size"] | None = None,
    ) -> Any:
        plain = not isinstance(u, Capsules)
        if isinstance(u, Capsules):
            u, activations = u
        if u.ndim != self.axes + 3 or u.shape[1] != self.types or u.shape[-1] != self.in_dim:
            sizes = ", ".join(_NAMES[-self.axes :])
            raise ValueError(
                f"{self._where}, u: expected a map of capsules [B, {self.types}, {sizes}, "
                f"{self.in_dim}]; got {tuple(u.shape)}; types come after the batch, poses last"
            )
        if activations is None:
            activations = self._needed(u, mask)
        return self._answer(plain, self._route(u, activations, mask))

    def _route(self, u: Tensor, activations: Tensor | None, mask: Tensor | None) -> Capsules:
        raise NotImplementedError

    def extra_repr(self) -> str:
        return (
            f"T={self.types}, E={self.in_dim}, J={self.out_types}, D={self.out_dim}, "
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
            f"dilation={self.dilation}, transform={self.transform}"
        )


def along(place: Sequence[int], steps: Sequence[int]) -> tuple[int, ...]:
    return tuple(n * step for n, step in zip(place, steps, strict=True))


def pad(
    u: Tensor, activations: Tensor | None, mask: Tensor | None, pads: Sequence[tuple[int, int]]
) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """Maps with positions around them where there are no children."""
    flat = [n for pad in reversed(pads) for n in pad]
    if not any(flat):
        return u, activations, mask
    if mask is None:
        mask = torch.ones((), dtype=torch.bool, device=u.device).expand(u.shape[:-1])
    more = None if activations is None else F.pad(activations, flat)
    return F.pad(u, [0, 0, *flat]), more, F.pad(mask, flat)
