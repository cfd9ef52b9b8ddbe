"""From images to functions of position and orientation."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from torchcaps.nn.equivariant_filters import ExpandedFilters, along_orientations, response
from torchcaps.nn.equivariant_sizes import centred_output
from torchcaps.ops.steerable import lifting_table, orientation_basis


class LiftingConv2d(ExpandedFilters):
    r"""Convolve an image with every filter at n orientations:

    $$ F_{o a}(p) = \sum_{c, q} \psi_{o c}(R_a^{-1} q)\, f_c(p + q) + \beta_o $$

    Turning the image by 360/n degrees turns the maps and shifts the orientations by one.

    Args:
        in_channels, out_channels, kernel_size, stride, padding: as in `nn.Conv2d`. Stride and
            padding must leave the centre of the map where that of the image is.
        n: orientations; with a multiple of 4, quarter turns are exact.
        frequency: highest circular harmonic of the filters (see `ops.steerable_basis`).
        bias: learn one number per channel, the same for all orientations.

    Shapes: `[B, C, H, W] -> [B, O, n, h, w]`; `weight` is `[O, C, K]`.

    Source: Cohen & Welling 2016, with the filters of Weiler, Hamprecht & Storath 2018.
    """

    out_harmonics: Tensor

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        n: int = 16,
        *,
        frequency: int = 2,
        stride: int = 1,
        padding: int = 0,
        bias: bool = True,
    ) -> None:
        table = lifting_table((kernel_size, kernel_size), n, frequency)
        super().__init__(table)
        self.kernel_size, self.stride, self.padding, self.n = kernel_size, stride, padding, n
        self.add_constant("out_harmonics", orientation_basis(n, frequency)[0])
        std = (2 / in_channels) ** 0.5 / response(table)
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, len(table)) * std)
        self.bias = nn.Parameter(torch.zeros(out_channels)) if bias else None

    def grid(self, height: int, width: int) -> tuple[int, int]:
        """Size of the maps for such an image; a `ValueError` where the centre would move."""
        return centred_output(
            (height, width), self.kernel_size, self.stride, self.padding, "LiftingConv2d"
        )

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B O n h w"]:
        if x.ndim != 4 or x.shape[1] != self.weight.shape[1]:
            raise ValueError(
                f"LiftingConv2d, x: expected images [B, {self.weight.shape[1]}, H, W]; got "
                f"{tuple(x.shape)}; add the batch axis, or build the layer with their channels"
            )
        self.grid(x.shape[2], x.shape[3])
        waves = F.conv2d(x, self.filters(), None, self.stride, self.padding)
        maps = along_orientations(
            self.out_harmonics.T, waves.unflatten(1, (-1, len(self.out_harmonics)))
        )
        return maps if self.bias is None else maps + self.bias[:, None, None, None]

    def extra_repr(self) -> str:
        out_channels, in_channels, _ = self.weight.shape
        return (
            f"{in_channels}, {out_channels}, kernel_size={self.kernel_size}, n={self.n}, "
            f"stride={self.stride}, padding={self.padding}"
        )
