"""A plain U-Net, the control of the capsules for segmentation."""

from itertools import pairwise

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from torchcaps.models.model import Output
from torchcaps.models.segmentation_model import SegmentationModel
from torchcaps.options import check_sizes


class UNet(SegmentationModel):
    """Two 3x3 convolutions at each level, max-pooling down, transposed convolutions up, skips
    between maps of one size; scores are logits `[B, J, *size]`. The defaults have about as many
    parameters as those of `SegCapsNet`, and as many levels.

    Args:
        in_shape, num_classes: of the data, (C, H, W) or (C, D, H, W) of any size.
        width: channels of the finest map; each halving doubles them.
        halvings: of the map.

    Source: Ronneberger, Fischer & Brox 2015. Here convolutions keep the size of a map and have a
    batch normalisation each, as is usual now.
    """

    name = "unet"

    def __init__(
        self, in_shape: tuple[int, ...], num_classes: int, *, width: int = 7, halvings: int = 3
    ) -> None:
        super().__init__(in_shape, num_classes)
        check_sizes("UNet", width=width, halvings=halvings)
        self.halvings, flat = halvings, len(self.in_shape) == 3
        self.convolution = nn.Conv2d if flat else nn.Conv3d
        self.norm = nn.BatchNorm2d if flat else nn.BatchNorm3d
        transposed = nn.ConvTranspose2d if flat else nn.ConvTranspose3d
        self.pool = F.max_pool2d if flat else F.max_pool3d
        widths = [width * 2**level for level in range(halvings + 1)]
        self.down = nn.ModuleList(
            self._two(*each) for each in pairwise([self.in_shape[0], *widths])
        )
        self.up = nn.ModuleList(transposed(b, a, 2, stride=2) for a, b in pairwise(widths))
        self.merge = nn.ModuleList(self._two(2 * n, n) for n in widths[:-1])
        self.classify = self.convolution(width, num_classes, 1)

    def _two(self, before: int, after: int) -> nn.Sequential:
        layers: list[nn.Module] = []
        for n in (before, after):
            convolution = self.convolution(n, after, 3, padding=1, bias=False)
            layers += [convolution, self.norm(after), nn.ReLU()]
        return nn.Sequential(*layers)

    def forward(
        self, images: Float[Tensor, "B C *size"], labels: Int[Tensor, "B *size"] | None = None
    ) -> Output:
        maps = [self.down[0](self.widened(images))]
        for down in self.down[1:]:
            maps.append(down(self.pool(maps[-1], 2)))
        x = maps.pop()
        for up, merge in zip(reversed(self.up), reversed(self.merge), strict=True):
            x = merge(torch.cat([up(x), maps.pop()], 1))
        scores = self.cut(self.classify(x), 2)
        if labels is not None:
            self.chosen(scores, labels)
        return Output(scores)
