"""Convolutional capsules: the parents at a position listen to the children in a window."""

from itertools import product
from typing import Literal, Unpack, get_args

from torch import Tensor
from torch.nn import functional as F

from torchcaps.nn.layer import LayerOptions
from torchcaps.nn.sizes import Sizes, conv_output
from torchcaps.nn.windows import Votes, WindowCapsules, along, pad
from torchcaps.ops import Capsules, Windows, route_windows
from torchcaps.ops.routing.positions import check_positions
from torchcaps.options import check_choice

Competition = Literal["types", "positions"]


class _ConvCapsules(WindowCapsules):
    def __init__(
        self,
        types: int,
        dim: int,
        out_types: int,
        out_dim: int,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: Sizes = 0,
        dilation: Sizes = 1,
        *,
        votes: Votes = "each",
        compete_over: Competition = "types",
        **options: Unpack[LayerOptions],
    ) -> None:
        sizes = (types, dim, out_types, out_dim)
        super().__init__(*sizes, kernel_size, stride, padding, dilation, votes, **options)
        check_choice(self._where, "compete_over", compete_over, get_args(Competition))
        if compete_over == "positions":
            if votes == "summed":
                raise ValueError(
                    f"{self._where}, votes: expected 'each' with compete_over='positions', which "
                    "divides every child of a window; got 'summed'; leave one of both out"
                )
            check_positions(self.routing.algorithm())
        self.compete_over: Competition = compete_over

    def grid(self, *size: int) -> tuple[int, ...]:
        """Positions of the parents for a map of this size."""
        geometry = self.kernel_size, self.stride, self.padding
        return conv_output(size, *geometry, self._where, dilation=self.dilation)

    def _convolve(self, x: Tensor, kernel: Tensor) -> Tensor:
        convolve = (F.conv1d, F.conv2d, F.conv3d)[self.axes - 1]
        return convolve(x, kernel, None, self.stride, self.padding, self.dilation)

    def _route(self, u: Tensor, activations: Tensor | None, mask: Tensor | None) -> Capsules:
        places = product(*map(range, self.kernel_size))
        offsets = tuple(along(place, self.dilation) for place in places)
        windows = Windows(offsets, self.stride, self.grid(*u.shape[2:-1]))
        u, activations, mask = pad(u, activations, mask, [(n, n) for n in self.padding])
        return route_windows(
            self.routing.algorithm(),
            u,
            self.weight,
            windows,
            activations,
            mask=mask,
            compete_over=self.compete_over,
            transform=self.transform,
            backend=self.backend,
        )


class ConvCapsules2d(_ConvCapsules):
    r"""Capsules that listen to a window of the map below, with the same transforms everywhere:
    for every position p of the parents, routing over the children $(t, k)$ of its window with

    $$ \hat u_{(t,k) j} = W_{ktj}\, u_{t}[p \cdot \mathrm{stride} + k \cdot \mathrm{dilation}
       - \mathrm{padding}] $$

    Args:
        types, dim: T kinds of children and E, the size of each.
        out_types, out_dim: J kinds of parents and D, the size of each.
        kernel_size, stride, padding, dilation: as in `nn.Conv2d`. There are no children in the
            padding: windows at the border have fewer.
        votes: "each" child of a window casts its own, with transforms of its type and place. With
            "summed" the children of one type cast one vote, the sum of theirs, with transforms that
            all types share: a convolution of each type's poses, K times fewer votes, all of them
            held; for routings by votes alone. The authors' convolutional layers, SegCaps and
            DeepCaps do this.
        compete_over: "types" divides a child among the parents of each position whose window holds
            it, every window for itself; "positions" among those of all these positions, as matrix
            capsules with EM routing do, and then keeps all votes.
        routing, routing_options, iterations, transform, init_std, backend: see `DenseCapsules`.
            Votes of all windows are never held at once, but for compete_over="positions"; dynamic
            routing holds all windows, `backend="tiled"` not even these.

    Called with `u [B, T, H, W, E]`, `activations` and `mask [B, T, H, W]`, or `Capsules` in the
    place of u; answers with poses `[B, J, h, w, D]` or with `Capsules`, as `DenseCapsules` does.
    `grid(H, W)` is (h, w). `ConvCapsules1d` and `ConvCapsules3d` do the same along one axis and
    three.
    `.flatten(1, -2)` makes children of `DenseCapsules` of poses, those of one type in a row.

    `weight` is `[K * T, J, D, E]`: row `k * T + t` for type t at place k of the kernel, row by row;
    with votes="summed" `[1, J, D, K * E]`, column `k * E + e`.

    Source: Hinton, Sabour & Frosst 2018 (windows); Hahn, Pyeon & Kim 2019 (order of the rows).
    """

    axes = 2


class ConvCapsules1d(_ConvCapsules):
    """`ConvCapsules2d` along one axis: `[B, T, L, E] -> [B, J, l, D]`."""

    axes = 1


class ConvCapsules3d(_ConvCapsules):
    """`ConvCapsules2d` along three axes: `[B, T, D, H, W, E] -> [B, J, d, h, w, D]`."""

    axes = 3
