"""Convolutional capsules that make a larger map."""

from dataclasses import replace
from itertools import product
from math import prod
from typing import Unpack

from torch import Tensor
from torch.nn import functional as F

from torchcaps.nn.layer import LayerOptions
from torchcaps.nn.sizes import Sizes
from torchcaps.nn.windows import Votes, WindowCapsules, along, pad
from torchcaps.ops import Algorithm, Capsules, Windows, route_windows


class _ConvTransposeCapsules(WindowCapsules):
    def __init__(
        self,
        types: int,
        dim: int,
        out_types: int,
        out_dim: int,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: Sizes = 0,
        output_padding: Sizes = 0,
        dilation: Sizes = 1,
        *,
        votes: Votes = "each",
        **options: Unpack[LayerOptions],
    ) -> None:
        sizes = (types, dim, out_types, out_dim)
        super().__init__(*sizes, kernel_size, stride, padding, dilation, votes, **options)
        self.output_padding = self._each("output_padding", output_padding, least=0)
        for axis in range(self.axes):
            step = self.stride[axis]
            met = {place * self.dilation[axis] % step for place in range(self.kernel_size[axis])}
            if len(met) < step or self.output_padding[axis] >= step:
                raise ValueError(
                    f"{self._where}, stride: expected every position of the parents to see a "
                    f"child; got kernel_size={self.kernel_size}, stride={self.stride}, "
                    f"dilation={self.dilation}, output_padding={self.output_padding}; take a "
                    "kernel of at least the stride, and output_padding below it"
                )

    def _places_seen(self) -> float:
        return prod(self.kernel_size) / prod(self.stride)

    def grid(self, *size: int) -> tuple[int, ...]:
        """Positions of the parents for a map of this size."""
        found = tuple(
            (n - 1) * step - 2 * pad + reach * (kernel - 1) + more + 1
            for n, step, pad, reach, kernel, more in zip(
                size, self.stride, self.padding, self.dilation, self.kernel_size,
                self.output_padding, strict=True,
            )
        )  # fmt: skip
        if min(found) < 1:
            raise ValueError(
                f"{self._where}, padding: expected something to be left of a map of {size}; got "
                f"{self.padding}, which leaves {found}; take less padding"
            )
        return found

    def _convolve(self, x: Tensor, kernel: Tensor) -> Tensor:
        convolve = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)[self.axes - 1]
        geometry = (self.stride, self.padding, self.output_padding, 1, self.dilation)
        return convolve(x, kernel.transpose(0, 1), None, *geometry)

    def _route(self, u: Tensor, activations: Tensor | None, mask: Tensor | None) -> Capsules:
        """Parents whose positions are alike modulo the stride see the same places of the kernel,
        one step apart: each of these phases is a convolution of stride 1."""
        size, given = self.grid(*u.shape[2:-1]), u.shape[2:-1]
        phases = [
            phase
            for phase in product(*map(range, self.stride))
            if all(r < n for r, n in zip(phase, size, strict=True))
        ]
        windows = [self._phase(phase, size) for phase in phases]
        lowest = [min(o[axis] for w, _ in windows for o in w.offsets) for axis in range(self.axes)]
        furthest = [
            max(o[axis] + w.size[axis] for w, _ in windows for o in w.offsets)
            for axis in range(self.axes)
        ]
        pads = [
            (max(0, -low), max(0, far - n))
            for low, far, n in zip(lowest, furthest, given, strict=True)
        ]
        u, activations, mask = pad(u, activations, mask, pads)
        algorithm = self.routing.algorithm()
        out: Capsules | None = None
        for phase, (w, rows) in zip(phases, windows, strict=True):
            offsets = tuple(
                tuple(n + before for n, (before, _) in zip(o, pads, strict=True)) for o in w.offsets
            )
            some = route_windows(
                _of_rows(algorithm, rows),
                u,
                None if self.weight is None else self.weight[rows],
                w._replace(offsets=offsets),
                activations,
                mask=mask,
                transform=self.transform,
                backend=self.backend,
            )
            if out is None:
                out = Capsules(
                    some.poses.new_empty(u.shape[0], self.out_types, *size, some.poses.shape[-1]),
                    some.activations.new_empty(u.shape[0], self.out_types, *size),
                )
            steps = zip(phase, self.stride, strict=True)
            at = (..., *(slice(r, None, step) for r, step in steps))
            out.activations[at] = some.activations
            out.poses[(*at, slice(None))] = some.poses
        assert out is not None
        return out

    def _phase(self, phase: tuple[int, ...], size: tuple[int, ...]) -> tuple[Windows, list[int]]:
        """The windows of parents at positions `phase` modulo the stride, and the rows of `weight`
        that they use."""
        places = list(product(*map(range, self.kernel_size)))
        seen = {}
        for k, place in enumerate(places):
            ahead = [
                r + pad - n
                for r, pad, n in zip(phase, self.padding, along(place, self.dilation), strict=True)
            ]
            if not any(a % step for a, step in zip(ahead, self.stride, strict=True)):
                seen[k] = tuple(a // step for a, step in zip(ahead, self.stride, strict=True))
        positions = tuple(
            -(-(n - r) // step) for n, r, step in zip(size, phase, self.stride, strict=True)
        )
        rows = [k * self.types + t for k in seen for t in range(self.types)]
        return Windows(tuple(seen.values()), (1,) * self.axes, positions), rows


class ConvTransposeCapsules2d(_ConvTransposeCapsules):
    r"""Capsules of a larger map, as `nn.ConvTranspose2d` makes one: the parents at p listen to the
    children at all q with $p = q \cdot \mathrm{stride} + k \cdot \mathrm{dilation} -
    \mathrm{padding}$ for a place k of the kernel, whose transforms they use.

    Args:
        kernel_size, stride, padding, output_padding, dilation: as in `nn.ConvTranspose2d`; the
            kernel must be at least the stride, so that every position sees a child.
        Others: see `ConvCapsules2d`.

    `[B, T, H, W, E] -> [B, J, h, w, D]`, with (h, w) = `grid(H, W)`. `ConvTransposeCapsules1d` and
    `ConvTransposeCapsules3d` do the same along one axis and three. `weight` as in `ConvCapsules2d`.

    Source: LaLonde & Bagci 2018 (capsules for segmentation).
    """

    axes = 2


class ConvTransposeCapsules1d(_ConvTransposeCapsules):
    """`ConvTransposeCapsules2d` along one axis."""

    axes = 1


class ConvTransposeCapsules3d(_ConvTransposeCapsules):
    """`ConvTransposeCapsules2d` along three axes."""

    axes = 3


def _of_rows(algorithm: Algorithm, rows: list[int]) -> Algorithm:
    """The algorithm for these of the children that it has parameters of."""
    tensors = algorithm.tensors()
    own = {name: tensors[name] for name in algorithm.of_children if name in tensors}
    return replace(algorithm, **{name: x[rows] for name, x in own.items() if len(x) > 1})
