"""Heinsen's network of 2019: convolutions, then two routings of matrix capsules."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from torchcaps.models.model import ScoreKind
from torchcaps.models.receptive_field import ReceptiveField
from torchcaps.models.routed import PRIMARY, RoutedModel
from torchcaps.nn import ROUTINGS, DenseCapsules
from torchcaps.nn.sizes import conv_output
from torchcaps.ops import Capsules
from torchcaps.options import check_choice, check_sizes

STRIDES = 1, 2, 1, 2, 1, 2


class HeinsenCapsNet(RoutedModel):
    """Six convolutions that are told their coordinates, then capsules with poses of q x q:

        images, coordinates -> 6 x (norm, 3x3 conv, swish) -> first capsules at each position
        -> routing with the same transforms for all -> `hidden` capsules -> routing -> classes

    Args:
        in_shape, num_classes: of the data.
        channels: of every convolution.
        types: kinds of the first capsules at each position, which compete for the hidden ones.
        hidden: capsules between the two routings.
        side: q; poses have q * q numbers.
        routing: "heinsen" or another, of both layers; routing_options: its options.
        iterations: of both; None takes its own (3).

    With 64 channels, types and hidden capsules on pairs of 96x96 pixels and 5 classes it is the
    author's for smallNORB: 271,688 parameters. What differs: activations pass between the layers as
    probabilities, not logits; the author trains with mixtures of two images (mixup) besides.

    Source: Heinsen 2019.
    """

    name = "heinsen_capsnet"
    decoder = None

    def __init__(
        self,
        in_shape: tuple[int, int, int],
        num_classes: int,
        *,
        channels: int = 64,
        types: int = 64,
        hidden: int = 64,
        side: int = 4,
        routing: str = "heinsen",
        routing_options: dict[str, Any] | None = None,
        iterations: int | None = None,
    ) -> None:
        super().__init__(in_shape, num_classes)
        where = "HeinsenCapsNet"
        check_sizes(where, channels=channels, types=types, hidden=hidden, side=side)
        check_choice(where, "routing", routing, list(ROUTINGS))
        size = (self.in_shape[1], self.in_shape[2])
        layers: list[nn.Module] = []
        before = self.in_shape[0] + 2
        for k, stride in enumerate(STRIDES, 1):
            size = conv_output(size, 3, stride, 0, f"{where}, convolution {k}")
            layers += [nn.BatchNorm2d(before), nn.Conv2d(before, channels, 3, stride), nn.SiLU()]
            before = channels
        self.features = nn.Sequential(*layers)
        self.types, dim = types, side * side
        self.activate = nn.Sequential(nn.BatchNorm2d(channels), nn.Conv2d(channels, types, 1))
        self.pose = nn.Sequential(nn.BatchNorm2d(channels), nn.Conv2d(channels, types * dim, 1))
        positions = types * size[0] * size[1]
        own = dict(routing_options or {})
        shared = {"shared": True} if routing == "heinsen" else {}
        options: dict[str, Any] = {"routing": routing, "iterations": iterations}
        if ROUTINGS[routing].casts_votes:
            options |= {"transform": "matrix", "vote_bias": True}
        self.first = DenseCapsules(
            positions,
            dim,
            hidden,
            dim,
            positions=positions if ROUTINGS[routing].casts_votes else 1,
            routing_options={**shared, **own},
            **options,
        )
        self.capsules = DenseCapsules(hidden, dim, num_classes, dim, routing_options=own, **options)
        self.score_kind: ScoreKind = self.capsules.routing.score_kind

    def layers(self, images: Float[Tensor, "B C H W"]) -> dict[str, Any]:
        maps = self.features(torch.cat([images, _coordinates(images)], 1))
        first = Capsules(
            self.pose(maps).unflatten(1, (self.types, -1)).movedim(2, -1).flatten(1, 3),
            self.activate(maps).flatten(1).sigmoid(),
        )
        return {"map": maps, "first capsules": first, PRIMARY: self.first(first)}

    def field(self) -> ReceptiveField:
        """The whole image, for every hidden capsule."""
        return ReceptiveField(1, 1, 0, 0, 0, max(self.in_shape[1:]))


def _coordinates(images: Float[Tensor, "B C H W"]) -> Float[Tensor, "B 2 H W"]:
    """Row and column of each pixel, from -1 to 1."""
    rows, columns = (torch.linspace(-1, 1, n).to(images) for n in images.shape[2:])
    grid = torch.stack(torch.meshgrid(rows, columns, indexing="ij"))
    return grid.expand(images.shape[0], -1, -1, -1)
