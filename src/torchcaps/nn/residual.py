"""Residual blocks of capsules, for deep networks of them."""

from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from torchcaps.nn.conv import ConvCapsules2d
from torchcaps.nn.layer import as_capsules
from torchcaps.nn.primary import PrimaryCapsules
from torchcaps.options import check_sizes


class ResidualCapsules2d(nn.Module):
    r"""Three convolutions of capsules beside a shortcut with one, which routes if it is told to:

    $$ v = f_1(u), \quad y = f_3(f_2(v)) + g(v), \quad f_k(x) = \mathrm{squash}(K_k * x) $$

    A convolution without routing is one over the channels of all types and poses, squashed; it has
    the transforms of every pair of types, and their couplings are all 1. Lengths of y may exceed 1.

    Args:
        types, dim: T kinds of children and E, the size of each.
        out_types, out_dim: J kinds of parents and D.
        kernel_size: odd; maps are padded, so that only `stride` makes them smaller.
        stride: of the first convolution.
        routing: of the shortcut, with one vote for each type (`ConvCapsules2d(votes="summed")`);
            None takes a convolution.
        routing_options, iterations, init_std, backend: see `DenseCapsules`.

    Weights start so that children of length 1/2 make parents of length 1/2: squash squares short
    vectors, so that from PyTorch's start nothing of an image would be left after a few blocks.

    Shapes: `[B, T, H, W, E] -> [B, J, h, w, D]`; `grid(H, W)` is (h, w).

    Source: Rajasegaran et al. 2019 (DeepCaps); there the shortcut of the last block alone routes.
    """

    def __init__(
        self,
        types: int,
        dim: int,
        out_types: int,
        out_dim: int,
        kernel_size: int = 3,
        stride: int = 1,
        *,
        routing: str | None = None,
        **options: Any,
    ) -> None:
        super().__init__()
        where = "ResidualCapsules2d"
        check_sizes(where, types=types, dim=dim, out_types=out_types, out_dim=out_dim)
        check_sizes(where, kernel_size=kernel_size, stride=stride)
        if kernel_size % 2 == 0:
            raise ValueError(
                f"{where}, kernel_size: expected an odd number, whose middle is a position; got "
                f"{kernel_size}; take {kernel_size + 1}"
            )
        self.types, self.dim = types, dim
        same = kernel_size // 2

        def convolution(kinds: int, size: int, step: int) -> PrimaryCapsules:
            layer = PrimaryCapsules(
                kinds * size, out_types, out_dim, kernel_size=kernel_size, stride=step, padding=same
            )
            nn.init.normal_(layer.conv.weight, std=2 / (kernel_size * (kinds * out_dim) ** 0.5))
            if layer.conv.bias is not None:
                nn.init.zeros_(layer.conv.bias)
            return layer

        self.first = convolution(types, dim, stride)
        self.branch = nn.ModuleList([convolution(out_types, out_dim, 1) for _ in range(2)])
        self.shortcut: nn.Module = convolution(out_types, out_dim, 1)
        if routing is not None:
            sizes = (out_types, out_dim, out_types, out_dim, kernel_size)
            self.shortcut = ConvCapsules2d(
                *sizes, padding=same, votes="summed", routing=routing, **options
            )
        elif options:
            raise ValueError(
                f"{where}, {next(iter(options))}: expected none without a routing; got "
                f"{next(iter(options.values()))!r}; name a routing, or leave it out"
            )

    def grid(self, *size: int) -> tuple[int, ...]:
        """Positions of the parents for a map of this size."""
        return self.first.grid(*size)

    def forward(self, u: Float[Tensor, "B T H W E"]) -> Float[Tensor, "B J h w D"]:
        if u.ndim != 5 or u.shape[1] != self.types or u.shape[-1] != self.dim:
            raise ValueError(
                f"ResidualCapsules2d, u: expected a map of capsules [B, {self.types}, H, W, "
                f"{self.dim}]; got {tuple(u.shape)}; types come after the batch, poses last"
            )
        v = self._convolved(self.first, u)
        y = v
        for layer in self.branch:
            y = self._convolved(layer, y)
        if isinstance(self.shortcut, ConvCapsules2d):
            return y + as_capsules(self.shortcut(v)).poses
        return y + self._convolved(self.shortcut, v)

    def _convolved(self, layer: Any, u: Float[Tensor, "B T H W E"]) -> Tensor:
        """A map of capsules from all channels of another."""
        x = u.movedim(-1, 2).flatten(1, 2)
        return layer(x).unflatten(1, (layer.types, *layer.grid(*x.shape[2:])))
