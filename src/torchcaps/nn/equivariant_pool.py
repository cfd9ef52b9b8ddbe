"""Half the resolution without moving the centre."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from torchcaps.nn.constants import WithConstants

# Binomial, which is nearly round; an even map needs an even filter to keep its centre.
EVEN, ODD = (1.0, 3.0, 3.0, 1.0), (1.0, 4.0, 6.0, 4.0, 1.0)


class SmoothPool2d(WithConstants):
    """Smooth every map and keep each second pixel, of maps of any size.

    What a stride alone would fold into the map as noise is smoothed away first: the symmetry
    under small turns depends on it. Odd sizes keep their middle pixel, even ones their middle gap.

    Shapes: `[B, C, n, H, W] -> [B, C, n, ceil(H / 2), ceil(W / 2)]`. No parameters.
    """

    even: Tensor
    odd: Tensor

    def __init__(self) -> None:
        super().__init__()
        for name, numbers in (("even", EVEN), ("odd", ODD)):
            filter = torch.tensor(numbers, device="cpu")
            self.add_constant(name, filter / filter.sum())

    def forward(self, x: Float[Tensor, "B C n H W"]) -> Float[Tensor, "B C n h w"]:
        column, row = (self.odd if size % 2 else self.even for size in x.shape[3:])
        maps = x.flatten(1, 2)
        filters = torch.outer(column, row).to(x).expand(maps.shape[1], 1, -1, -1).contiguous()
        padding = ((len(column) - 1) // 2, (len(row) - 1) // 2)
        pooled = F.conv2d(maps, filters, None, 2, padding, groups=maps.shape[1])
        return pooled.unflatten(1, x.shape[1:3])
