"""Capsules for segmentation: a class capsule at every pixel."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from torchcaps.models.model import Model, Output
from torchcaps.nn import (
    ConvCapsules2d,
    ConvCapsules3d,
    ConvTransposeCapsules2d,
    ConvTransposeCapsules3d,
)
from torchcaps.ops import lengths


class SegCapsNet(Model):
    name = "seg_capsnet"
    axes = (2, 3)
    score_kind = "lengths"

    def __init__(
        self, in_shape, num_classes, *,
        stem_channels: int = 16, types: Sequence[int] = (4, 4, 8), dims: Sequence[int] = (8, 16, 16),
        kernel_size: int = 3, pose_dim: int = 8, iterations: int = 3, decoder_width: int = 32, scale=1.0, bias=False, last=1, top=2, top_dim=8, its_last=3,its_up=1,its_down=1,stem2=False,
    ) -> None:
        super().__init__(in_shape, num_classes)
        rank = len(self.in_shape) - 1
        conv = (ConvCapsules2d, ConvCapsules3d)[rank - 2]
        transposed = (ConvTransposeCapsules2d, ConvTransposeCapsules3d)[rank - 2]
        convolution = (nn.Conv2d, nn.Conv3d)[rank - 2]
        same = kernel_size // 2
        def layer(kind, *a, its=iterations, **k):
            l = kind(*a, votes="summed", iterations=its, routing_options={"bias": bias}, **k)
            with torch.no_grad():
                l.weight.mul_(scale * l.kernel_size[0] ** (-rank / 2))
            return l
        self.stem = convolution(self.in_shape[0], stem_channels, 5, padding=2)
        if stem2: self.stem = nn.Sequential(self.stem, nn.ReLU(), convolution(stem_channels, stem_channels, 3, padding=1))
        maps = [(1, stem_channels), *zip(types, dims, strict=True)]
        self.down = nn.ModuleList(
            nn.Sequential(
                layer(conv, *below, *above, kernel_size, stride=2, padding=same, its=its_down),
                layer(conv, *above, *above, kernel_size, padding=same, its=1),
            )
            for below, above in pairwise(maps)
        )
        ups = [(top, top_dim), *maps[1:]]
        self.up = nn.ModuleList(
            layer(transposed, *above, *below, 4, stride=2, padding=1, its=its_up)
            for below, above in pairwise(ups)
        )
        self.merge = nn.ModuleList(
            layer(conv, 2 * above[0], above[1], *above, kernel_size, padding=same, its=1)
            for above in maps[1:-1]
        )
        self.skip = layer(conv, *maps[0], *ups[0], 1, its=1)
        self.classify = layer(conv, 2*ups[0][0], ups[0][1], num_classes, pose_dim, last, padding=last // 2, its=its_last)
        self.decoder = nn.Sequential(
            convolution(pose_dim, decoder_width, 1), nn.ReLU(),
            convolution(decoder_width, decoder_width, 1), nn.ReLU(),
            convolution(decoder_width, self.in_shape[0], 1), nn.Sigmoid(),
        )
        self.step = 2 ** len(types)

    def forward(self, images, labels=None):
        self.check_images(images)
        size = images.shape[2:]
        pads = [n for side in reversed(size) for n in (0, -side % self.step)]
        x = F.relu(self.stem(F.pad(images, pads, mode="replicate")))
        x = x.movedim(1, -1).unsqueeze(1)
        maps = [x]
        for down in self.down:
            x = down(x)
            maps.append(x)
        for level in range(len(self.up) - 1, 0, -1):
            x = torch.cat([self.up[level](x), maps[level]], 1)
            x = self.merge[level - 1](x)
        x = torch.cat([self.up[0](x), self.skip(maps[0])], 1)
        poses = self.classify(x)
        poses = poses[(..., *(slice(n) for n in size), slice(None))]
        scores = lengths(poses)
        regions = scores.argmax(1) if labels is None else labels
        index = regions[:, None, ..., None].expand(-1, 1, *size, poses.shape[-1])
        target = poses.gather(1, index).squeeze(1).movedim(-1, 1)
        drawn = self.decoder(target) * (regions > 0).unsqueeze(1)
        return Output(scores, poses, scores, drawn)

    def make_loss(self):
        raise NotImplementedError
