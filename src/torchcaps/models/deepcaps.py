"""DeepCaps: residual blocks of capsules, class capsules from the last two."""

from collections.abc import Sequence
from itertools import pairwise
from math import prod
from typing import Any, Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor, nn

from torchcaps.models.model import ScoreKind
from torchcaps.models.receptive_field import ReceptiveField
from torchcaps.models.routed import PRIMARY, RoutedModel
from torchcaps.nn import ROUTINGS, ConvDecoder, DenseCapsules, ResidualCapsules2d
from torchcaps.options import check_choice, check_several, check_sizes

Decoder = Literal["conv", "none"]


class DeepCaps(RoutedModel):
    """A convolution, four residual blocks of capsules, each of which halves the map, and routing
    from the capsules of the last two:

        images -> ReLU(norm(conv)) -> 4 blocks [B, T, h, w, E] -> children [B, I, E] -> poses

    The shortcut of the last block routes among its types; the decoder draws the chosen pose alone.

    Args:
        in_shape, num_classes: of the data.
        stem_channels: of the convolution.
        types: kinds of capsules in every block.
        dims: sizes of the capsules of each block; the last two are alike.
        pose_dim: D.
        routing, routing_options, iterations: of the class capsules; the shortcut takes dynamic
            routing with 3 iterations.
        decoder: "conv" or "none"; decoder_width: channels of its first map.

    What differs from the authors' network: the norm is a GroupNorm, so that no image depends on the
    others of its batch; the decoder is `nn.ConvDecoder`; pictures are not enlarged to 64 pixels.

    Source: Rajasegaran et al. 2019.
    """

    name = "deepcaps"

    def __init__(
        self,
        in_shape: tuple[int, int, int],
        num_classes: int,
        *,
        stem_channels: int = 128,
        types: int = 32,
        dims: Sequence[int] = (4, 8, 8, 8),
        pose_dim: int = 16,
        routing: str = "dynamic",
        routing_options: dict[str, Any] | None = None,
        iterations: int | None = None,
        decoder: Decoder = "conv",
        decoder_width: int = 64,
    ) -> None:
        super().__init__(in_shape, num_classes)
        sizes = {"stem_channels": stem_channels, "types": types, "pose_dim": pose_dim}
        check_sizes("DeepCaps", **sizes, decoder_width=decoder_width)
        check_several("DeepCaps", "dims", dims, 4)
        check_choice("DeepCaps", "routing", routing, list(ROUTINGS))
        check_choice("DeepCaps", "decoder", decoder, get_args(Decoder))
        if dims[2] != dims[3]:
            raise ValueError(
                "DeepCaps, dims: expected the last two alike, as both make children of the class "
                f"capsules; got {tuple(dims)}; give them one size"
            )
        self.stem = nn.Conv2d(self.in_shape[0], stem_channels, 3, padding=1)
        self.norm = nn.GroupNorm(1, stem_channels)
        kinds = [(stem_channels, 1), *((types, dim) for dim in dims)]
        routed = (None, None, None, "dynamic")
        blocks = [
            ResidualCapsules2d(*before, *after, stride=2, routing=shortcut)
            for (before, after), shortcut in zip(pairwise(kinds), routed, strict=True)
        ]
        self.blocks = nn.ModuleList(blocks)
        size, positions = tuple(self.in_shape[1:]), []
        for block in blocks:
            size = block.grid(*size)
            positions.append(prod(size))
        self.capsules = DenseCapsules(
            types * sum(positions[2:]),
            dims[3],
            num_classes,
            pose_dim,
            routing=routing,
            routing_options=routing_options,
            iterations=iterations,
        )
        self.score_kind: ScoreKind = self.capsules.routing.score_kind
        drawn = decoder == "conv"
        self.decoder = ConvDecoder(pose_dim, self.in_shape, decoder_width) if drawn else None

    def layers(self, images: Float[Tensor, "B C H W"]) -> dict[str, Any]:
        stem = self.norm(self.stem(images)).relu()
        found: dict[str, Tensor] = {"stem": stem}
        u = stem.unsqueeze(-1)
        for number, block in enumerate(self.blocks, 1):
            u = found[f"block {number}"] = block(u)
        last = (found[f"block {number}"].flatten(1, 3) for number in (3, 4))
        return {**found, PRIMARY: torch.cat([*last], 1)}

    def field(self) -> ReceptiveField:
        """The whole image, for every child: most of it is seen by those of the third block."""
        return ReceptiveField(1, 1, 0, 0, 0, max(self.in_shape[1:]))
