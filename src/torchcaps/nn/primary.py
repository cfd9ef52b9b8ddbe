"""The first capsules: a convolution whose channels are read as vectors."""

from jaxtyping import Float
from torch import Tensor, nn

from torchcaps.nn.sizes import conv_output
from torchcaps.ops import squash


class PrimaryCapsules(nn.Module):
    r"""Capsules from a feature map: $u = \mathrm{squash}(g \cdot (K * x) + \beta)$.

    The `types * dim` channels of one convolution are grouped by type and permuted so that a
    capsule holds `dim` channels of one position (never a mix of positions), then flattened:
    child `i = type * height * width + position`.

    Args:
        in_channels: channels of the feature map.
        types, dim: kinds of capsules and E, the size of each.
        kernel_size, stride, padding: as in `nn.Conv2d`.
        gain: g. 1 is the series'; the authors' code routes once over zero logits, which divides
            the convolution, but not its bias, by the number of types: `gain=1/types`.

    Shapes: `[B, in_channels, H, W] -> [B, I, E]`, I being `types` times the positions `grid(H, W)`.

    Source: Sabour et al. 2017, section 4.
    """

    def __init__(
        self,
        in_channels: int,
        types: int,
        dim: int,
        *,
        kernel_size: int | tuple[int, int] = 9,
        stride: int | tuple[int, int] = 2,
        padding: int | tuple[int, int] | str = 0,
        gain: float = 1.0,
    ) -> None:
        super().__init__()
        self.types, self.dim, self.gain = types, dim, gain
        self.conv = nn.Conv2d(in_channels, types * dim, kernel_size, stride, padding)

    def grid(self, height: int, width: int) -> tuple[int, int]:
        """Positions of the capsules for a feature map of this size."""
        conv = self.conv
        if conv.padding == "same":
            return height, width
        padding = (0, 0) if isinstance(conv.padding, str) else conv.padding
        return conv_output(
            (height, width),
            conv.kernel_size,
            conv.stride,
            padding,
            "PrimaryCapsules",
            dilation=conv.dilation,
        )

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B I E"]:
        conv = self.conv
        if x.ndim != 4 or x.shape[1] != conv.in_channels:
            raise ValueError(
                f"PrimaryCapsules, x: expected a feature map [B, {conv.in_channels}, H, W]; "
                f"got {tuple(x.shape)}; build the layer with in_channels={x.shape[1]}"
                if x.ndim == 4
                else f"PrimaryCapsules, x: expected a feature map [B, {conv.in_channels}, H, W]; "
                f"got {tuple(x.shape)}; add the batch axis"
            )
        s = conv(x)  # [B, types*E, h, w]
        if self.gain != 1:
            rest = 0 if conv.bias is None else (1 - self.gain) * conv.bias[:, None, None].to(s)
            s = self.gain * s + rest
        s = s.unflatten(1, (self.types, self.dim)).permute(0, 1, 3, 4, 2)  # [B, types, h, w, E]
        return squash(s.flatten(1, 3))

    def extra_repr(self) -> str:
        return f"types={self.types}, dim={self.dim}, gain={self.gain:g}"
