"""Capsules for segmentation: a class capsule at every pixel."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from torchcaps.models.model import Output
from torchcaps.models.segmentation_model import SegmentationModel
from torchcaps.nn import (
    ConvCapsules2d,
    ConvCapsules3d,
    ConvTransposeCapsules2d,
    ConvTransposeCapsules3d,
)
from torchcaps.nn.standardise import Standardise
from torchcaps.ops import lengths
from torchcaps.options import check_several, check_sizes

_TOP_TYPES, _UP = 2, {"kernel_size": 4, "stride": 2, "padding": 1}


class SegCapsNet(SegmentationModel):
    r"""Convolutional capsules down, transposed ones up, skips between maps of one size, and J class
    capsules at every pixel, whose lengths are the scores:

        images -> ReLU(stem) -> [halve -> same] per level -> [double -> + skip -> same] per level
               -> class capsules [B, J, *size, D]

    Layers that halve or double a map, and that of the class capsules, route by agreement; the
    others route once, which is a convolution of capsules and squash. In each of them the
    children of one type cast one vote together.

    The decoder draws the target region, all pixels but those of class 0, from the capsule of each
    pixel's class, by convolutions of one pixel: as a regulariser, it asks poses to know what they
    are capsules of.

    Args:
        in_shape, num_classes: of the data, (C, H, W) or (C, D, H, W) of any size.
        stem_channels: of the stem's 5x5 convolution, read as one capsule a pixel.
        level_types, level_dims: kinds of capsules and their size at each level, from the finest to
            the coarsest map; each level halves the map.
        kernel_size: of the capsule layers that halve or keep a map, an odd number.
        pose_dim: D.
        iterations: of the routing by agreement.
        decoder_width: channels of the decoder's two hidden layers.

    Source: LaLonde & Bagci 2018, 2021 (SegCaps). Theirs has one class capsule (the target) where
    this has one for each class, with the margin loss of each in the place of a weighted binary
    cross entropy; 5x5 kernels, three levels and 1.4 million parameters (here 3x3 and 98 thousand);
    biases in its capsule layers; and squares of the reconstruction error over the whole image,
    black outside the target.
    """

    name = "seg_capsnet"
    score_kind = "lengths"

    def __init__(
        self,
        in_shape: tuple[int, ...],
        num_classes: int,
        *,
        stem_channels: int = 16,
        level_types: Sequence[int] = (4, 4, 8),
        level_dims: Sequence[int] = (8, 16, 16),
        kernel_size: int = 3,
        pose_dim: int = 8,
        iterations: int = 3,
        decoder_width: int = 32,
    ) -> None:
        super().__init__(in_shape, num_classes)
        sizes = {"stem_channels": stem_channels, "kernel_size": kernel_size, "pose_dim": pose_dim}
        check_sizes("SegCapsNet", **sizes, iterations=iterations, decoder_width=decoder_width)
        for name, several in (("level_types", level_types), ("level_dims", level_dims)):
            check_several("SegCapsNet", name, several, max(len(level_types), 1))
        if kernel_size % 2 == 0:
            raise ValueError(
                f"SegCapsNet, kernel_size: expected an odd number, whose middle is a pixel; got "
                f"{kernel_size}; take {kernel_size + 1}"
            )
        self.halvings, flat = len(level_types), len(self.in_shape) == 3
        make, transposed = (
            (ConvCapsules2d, ConvTransposeCapsules2d)
            if flat
            else (ConvCapsules3d, ConvTransposeCapsules3d)
        )
        convolution = nn.Conv2d if flat else nn.Conv3d
        same = {"kernel_size": kernel_size, "padding": kernel_size // 2}
        channels = self.in_shape[0]
        self.stem = convolution(channels, stem_channels, 5, padding=2)
        levels = list(zip(level_types, level_dims, strict=True))
        pixel, top = (1, stem_channels), (_TOP_TYPES, level_dims[0])
        self.down = nn.ModuleList(
            _layer(make, *below, *above, **same, stride=2, iterations=iterations)
            for below, above in pairwise([pixel, *levels])
        )
        self.keep = nn.ModuleList(_layer(make, *each, *each, **same) for each in levels)
        self.up = nn.ModuleList(
            _layer(transposed, *above, *below, **_UP, iterations=iterations)
            for below, above in pairwise([top, *levels])
        )
        self.skip = _layer(make, *pixel, *top, kernel_size=1)
        self.merge = nn.ModuleList(
            _layer(make, 2 * each[0], each[1], *each, **same) for each in levels[:-1]
        )
        last = (2 * _TOP_TYPES, level_dims[0], num_classes, pose_dim)
        self.classify = _layer(make, *last, kernel_size=1, iterations=iterations)
        self.decoder = nn.Sequential(
            convolution(pose_dim, decoder_width, 1),
            nn.ReLU(),
            convolution(decoder_width, decoder_width, 1),
            nn.ReLU(),
            convolution(decoder_width, channels, 1),
        )

    def forward(
        self, images: Float[Tensor, "B C *size"], labels: Int[Tensor, "B *size"] | None = None
    ) -> Output:
        poses = self.cut(self._class_capsules(self.widened(images)), 2)
        scores = lengths(poses)
        return Output(scores, poses, scores, self._draw(poses, self.chosen(scores, labels)))

    def _class_capsules(self, images: Tensor) -> Float[Tensor, "B J *size D"]:
        x = F.relu(self.stem(images)).movedim(1, -1).unsqueeze(1)
        below = self.skip(x)
        skips = []
        for down, keep in zip(self.down, self.keep, strict=True):
            skips.append(below)
            x = below = keep(down(x))
        for level in reversed(range(self.halvings)):
            x = torch.cat([self.up[level](x), skips[level]], 1)
            if level:
                x = self.merge[level - 1](x)
        return self.classify(x)

    def _draw(self, poses: Tensor, index: Int[Tensor, "B *size"]) -> Float[Tensor, "B C *size"]:
        """The target region, drawn from the pose of the class `index` at each pixel."""
        each = index[:, None, ..., None].expand(-1, 1, *index.shape[1:], poses.shape[-1])
        drawn = self.decoder(poses.gather(1, each).squeeze(1).movedim(-1, 1))
        region = (index > 0).unsqueeze(1)
        if isinstance(self.standardise, Standardise):
            return self.standardise.undo(drawn * region)
        return drawn.sigmoid() * region


def _layer(kind: Any, *sizes: int, iterations: int = 1, **geometry: Any) -> Any:
    return kind(*sizes, votes="summed", iterations=iterations, **geometry)
