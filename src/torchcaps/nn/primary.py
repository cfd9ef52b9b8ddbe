"""The first capsules: a convolution whose channels are read as vectors."""

from jaxtyping import Float
from torch import Tensor, nn

from torchcaps.nn.sizes import Sizes, conv_output
from torchcaps.ops import squash


class _PrimaryCapsules(nn.Module):
    """Any number of axes; the classes below say which convolution."""

    convolution: type[nn.Conv1d | nn.Conv2d | nn.Conv3d]
    axes: str

    def __init__(
        self,
        in_channels: int,
        types: int,
        dim: int,
        *,
        kernel_size: Sizes = 9,
        stride: Sizes = 2,
        padding: Sizes | str = 0,
        dilation: Sizes = 1,
        gain: float = 1.0,
        mixed: bool = False,
    ) -> None:
        super().__init__()
        self.types, self.dim, self.gain, self.mixed = types, dim, gain, mixed
        geometry = {
            "kernel_size": kernel_size,
            "stride": stride,
            "padding": padding,
            "dilation": dilation,
        }
        for name, value in geometry.items():
            if not isinstance(value, int | str) and len(value) != len(self.axes.split()):
                raise ValueError(
                    f"{type(self).__name__}, {name}: expected a whole number, or one for each of "
                    f"the axes {self.axes}; got {value}; give as many, or the class of its rank"
                )
        self.conv = self.convolution(in_channels, types * dim, **geometry)  # pyright: ignore[reportArgumentType]

    def grid(self, *size: int) -> tuple[int, ...]:
        """Positions of the capsules along each axis, for a feature map of this size."""
        conv, where = self.conv, type(self).__name__
        if len(size) != len(conv.kernel_size):
            raise ValueError(
                f"{where}.grid, size: expected a map's {self.axes}; got {size}; give a number "
                "for each axis, without batch and channels"
            )
        if conv.padding == "same":
            return size
        padding = 0 if isinstance(conv.padding, str) else conv.padding
        return conv_output(
            size, conv.kernel_size, conv.stride, padding, where, dilation=conv.dilation
        )

    def forward(self, x: Float[Tensor, "B C *size"]) -> Float[Tensor, "B I E"]:
        conv, rank = self.conv, len(self.conv.kernel_size)
        if x.ndim != rank + 2 or x.shape[1] != conv.in_channels:
            raise ValueError(
                f"{type(self).__name__}, x: expected a feature map [B, {conv.in_channels}, "
                f"{', '.join(self.axes.split())}]; got {tuple(x.shape)}; "
                + self._remedy(x.ndim - rank - 2, x)
            )
        s = conv(x)  # [B, types*E, *size]
        if self.gain != 1 and conv.bias is not None:
            s = self.gain * s + (1 - self.gain) * conv.bias.unflatten(0, (-1, *[1] * rank)).to(s)
        elif self.gain != 1:
            s = self.gain * s
        if self.mixed:
            return squash(s.flatten(1).unflatten(1, (-1, self.dim)))
        s = s.unflatten(1, (self.types, self.dim)).movedim(2, -1)  # [B, types, *size, E]
        return squash(s.flatten(1, -2))

    def _remedy(self, more_axes: int, x: Tensor) -> str:
        if not more_axes:
            return f"build the layer with in_channels={x.shape[1]}"
        if more_axes == -1:
            return "add the batch axis"
        return "take the PrimaryCapsules of its rank"

    def extra_repr(self) -> str:
        return f"types={self.types}, dim={self.dim}, gain={self.gain:g}"


class PrimaryCapsules(_PrimaryCapsules):
    r"""Capsules from a feature map: $u = \mathrm{squash}(g \cdot (K * x) + \beta)$.

    The `types * dim` channels of one convolution are grouped by type and permuted so that a
    capsule holds `dim` channels of one position (never a mix of positions), then flattened:
    child `i = type * positions + position`, the positions row by row. `PrimaryCapsules1d` and
    `PrimaryCapsules3d` are the same for signals `[B, C, L]` and volumes `[B, C, D, H, W]`;
    `PrimaryCapsules2d` is another name of this class.

    Args:
        in_channels: channels of the feature map.
        types, dim: kinds of capsules and E, the size of each.
        kernel_size, stride, padding, dilation: as in `nn.Conv2d`.
        gain: g. 1 is the series'; the authors' code routes once over zero logits, which divides
            the convolution, but not its bias, by the number of types: `gain=1/types`.
        mixed: a capsule is `dim` consecutive numbers of the map's memory, neighbouring positions of
            one channel: the fault of a widely used port, for weights that were trained with it.

    Shapes: `[B, in_channels, H, W] -> [B, I, E]`, I being `types` times the positions `grid(H, W)`.

    Source: Sabour et al. 2017, section 4.
    """

    convolution, axes = nn.Conv2d, "H W"


PrimaryCapsules2d = PrimaryCapsules


class PrimaryCapsules1d(_PrimaryCapsules):
    """Capsules from a signal `[B, in_channels, L] -> [B, I, E]`, see `PrimaryCapsules`."""

    convolution, axes = nn.Conv1d, "L"


class PrimaryCapsules3d(_PrimaryCapsules):
    """Capsules from a volume `[B, in_channels, D, H, W] -> [B, I, E]`, see `PrimaryCapsules`."""

    convolution, axes = nn.Conv3d, "D H W"
