"""Convolution over position and orientation."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from torchcaps.nn.equivariant_filters import ExpandedFilters, along_orientations, response
from torchcaps.nn.equivariant_sizes import centred_output
from torchcaps.ops.steerable import group_table, orientation_basis, out_frequency


class GroupConv2d(ExpandedFilters):
    r"""Group convolution, from functions of position and orientation to such functions:

    $$ H_{o a}(p) = \sum_{c, b, q} \Psi_{o c}(R_a^{-1} q,\; b - a)\, F_{c b}(p + q) + \beta_o $$

    Turning the image by 360/n degrees turns both maps and shifts both orientations by one. It is
    computed among the few waves over the orientation that the filters read and write, not among
    the n orientations: the same numbers for a part of the products.

    Args:
        in_channels, out_channels, kernel_size, stride, padding: as in `nn.Conv2d`. Stride and
            padding must leave the centre of the map where it was.
        n: orientations of the maps that come in and go out.
        frequency: highest circular harmonic of the filters in the plane.
        angular_frequency: highest frequency of the filters over the relative orientation; None for
            all that n orientations can hold.
        bias: learn one number per channel, the same for all orientations.

    Shapes: `[B, C, n, H, W] -> [B, O, n, h, w]`; `weight` is `[O, C, F]`, one
    number for each entry of `ops.steerable.group_table`.

    Source: Cohen & Welling 2016, with the filters of Weiler, Hamprecht & Storath 2018.
    """

    in_harmonics: Tensor
    out_harmonics: Tensor

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        n: int = 16,
        *,
        frequency: int = 2,
        angular_frequency: int | None = None,
        stride: int = 1,
        padding: int = 0,
        bias: bool = True,
    ) -> None:
        table = group_table((kernel_size, kernel_size), n, frequency, angular_frequency)
        super().__init__(table)
        self.kernel_size, self.stride, self.padding, self.n = kernel_size, stride, padding, n
        self.add_constant("in_harmonics", orientation_basis(n, angular_frequency)[0])
        highest = out_frequency(n, frequency, angular_frequency)
        self.add_constant("out_harmonics", orientation_basis(n, highest)[0])
        std = (2 / in_channels) ** 0.5 / response(table)
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, len(table)) * std)
        self.bias = nn.Parameter(torch.zeros(out_channels)) if bias else None

    def grid(self, height: int, width: int) -> tuple[int, int]:
        """Size of the maps that go out; a `ValueError` where the centre would move."""
        return centred_output(
            (height, width), self.kernel_size, self.stride, self.padding, "GroupConv2d"
        )

    def forward(self, x: Float[Tensor, "B C n H W"]) -> Float[Tensor, "B O n h w"]:
        if x.ndim != 5 or x.shape[1:3] != (self.weight.shape[1], self.n):
            raise ValueError(
                f"GroupConv2d, x: expected maps [B, {self.weight.shape[1]}, {self.n}, H, W]; got "
                f"{tuple(x.shape)}; lift images first with LiftingConv2d of as many orientations"
            )
        self.grid(x.shape[3], x.shape[4])
        waves = along_orientations(self.in_harmonics, x).flatten(1, 2)
        waves = F.conv2d(waves, self.filters(), None, self.stride, self.padding)
        maps = along_orientations(
            self.out_harmonics.T, waves.unflatten(1, (-1, len(self.out_harmonics)))
        )
        return maps if self.bias is None else maps + self.bias[:, None, None, None]

    def extra_repr(self) -> str:
        out_channels, in_channels = self.weight.shape[:2]
        return (
            f"{in_channels}, {out_channels}, kernel_size={self.kernel_size}, n={self.n}, "
            f"stride={self.stride}, padding={self.padding}"
        )
