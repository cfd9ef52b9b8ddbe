"""What convolutional capsules of both directions share."""

from collections.abc import Sequence
from math import prod
from typing import Any, Literal, Unpack, get_args

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

from torchcaps.nn.layer import CapsuleLayer, LayerOptions
from torchcaps.nn.sizes import Sizes
from torchcaps.ops import Capsules, route_votes
from torchcaps.ops.precision import without_autocast
from torchcaps.options import check_choice, check_several, check_sizes

Votes = Literal["each", "summed"]
_NAMES = "DHW"


class WindowCapsules(CapsuleLayer):
    """What both directions share: a kernel of transforms, and one or several votes of a window."""

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
        votes: Votes,
        **options: Unpack[LayerOptions],
    ) -> None:
        check_sizes(self._where, types=types, dim=dim, out_types=out_types, out_dim=out_dim)
        check_choice(self._where, "votes", votes, get_args(Votes))
        kernel = self._each("kernel_size", kernel_size)
        children, size = prod(kernel) * types, dim
        if votes == "summed":
            children, size = types, prod(kernel) * dim
            self._refuse_summed(options.get("transform") == "matrix", "transform='matrix'")
        rows = 1 if votes == "summed" else children
        super().__init__((children, size, out_types, out_dim), rows, **options)
        self.kernel_size, self.types, self.out_types, self.dim = kernel, types, out_types, dim
        self.cast: Votes = votes
        if votes == "summed":
            alone = self.routing.casts_votes and not self.routing.algorithm_class.needs
            self._refuse_summed(not alone, type(self.routing).__name__)
        self.stride = self._each("stride", stride)
        self.padding = self._each("padding", padding, least=0)
        self.dilation = self._each("dilation", dilation)
        if votes == "summed" and options.get("init_std") is None:
            # Parents start as long as those of one child a type: the sum of as many votes as there
            # are places grows with the root of their number.
            with torch.no_grad():
                self.weight.div_(self._places_seen() ** 0.5)

    def _places_seen(self) -> float:
        """How many places of the kernel a parent sees."""
        return prod(self.kernel_size)

    def _refuse_summed(self, refused: bool, what: str) -> None:
        if refused:
            raise ValueError(
                f"{self._where}, votes: expected 'each' with {what}, for which every child of a "
                "window stands for itself; got 'summed'; take a dense transform and a routing by "
                "votes alone, as dynamic"
            )

    def _each(self, name: str, sizes: Sizes, least: int = 1) -> tuple[int, ...]:
        """One number for each axis."""
        several = (sizes,) * self.axes if isinstance(sizes, int) else sizes
        check_several(self._where, name, several, self.axes, least)
        return tuple(several)

    def forward(
        self,
        u: Float[Tensor, "B T *size E"] | Capsules,
        activations: Float[Tensor, "B T *size"] | None = None,
        mask: Bool[Tensor, "B T *size"] | None = None,
    ) -> Any:
        plain = not isinstance(u, Capsules)
        if isinstance(u, Capsules):
            u, activations = u
        if u.ndim != self.axes + 3 or u.shape[1] != self.types or u.shape[-1] != self.dim:
            sizes = ", ".join(_NAMES[-self.axes :])
            raise ValueError(
                f"{self._where}, u: expected a map of capsules [B, {self.types}, {sizes}, "
                f"{self.dim}]; got {tuple(u.shape)}; types come after the batch, poses last"
            )
        for name, x in (("activations", activations), ("mask", mask)):
            if x is not None and x.shape != u.shape[:-1]:
                raise ValueError(
                    f"{self._where}, {name}: expected one for each child, shape "
                    f"{tuple(u.shape[:-1])}; got {tuple(x.shape)}; give a map as the poses are"
                )
        if self.cast == "summed":
            return self._answer(plain, self._route_sums(u, mask))
        if activations is None:
            activations = self._needed(u, mask)
        return self._answer(plain, self._route(u, activations, mask))

    def _route(self, u: Tensor, activations: Tensor | None, mask: Tensor | None) -> Capsules:
        raise NotImplementedError

    def _convolve(self, x: Tensor, kernel: Tensor) -> Tensor:
        """`[N, E, *size] -> [N, J * D, *positions]`, by a kernel `[J * D, E, *kernel_size]`."""
        raise NotImplementedError

    def _route_sums(self, u: Tensor, mask: Tensor | None) -> Capsules:
        """Parents from one vote of each type for each position."""
        if mask is not None:
            u = u.masked_fill(~mask.unsqueeze(-1), 0)
        dtype = torch.promote_types(u.dtype, self.weight.dtype)
        kernel = self.weight[0].to(dtype).unflatten(-1, (*self.kernel_size, self.dim)).flatten(0, 1)
        with without_autocast(u.device):
            x = self._convolve(u.to(dtype).movedim(-1, 2).flatten(0, 1), kernel.movedim(-1, 1))
        x = x.unflatten(0, (u.shape[0], self.types)).unflatten(2, (self.out_types, -1))
        votes = x.movedim((1, 2, 3), (-3, -2, -1))  # [B, *positions, T, J, D]
        found = route_votes(self.routing.algorithm(), votes.flatten(0, self.axes))
        poses, sure = (y.unflatten(0, votes.shape[: self.axes + 1]) for y in found[:2])
        return Capsules(poses.movedim(-2, 1), sure.movedim(-1, 1))

    def extra_repr(self) -> str:
        return (
            f"T={self.types}, E={self.dim}, J={self.out_types}, D={self.out_dim}, "
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
