"""A small residual network with class capsules, for colour pictures."""

from itertools import pairwise
from math import gcd
from typing import Any, get_args

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from torchcaps.models.backbone_capsnet import Decoder
from torchcaps.models.headed import HeadedModel
from torchcaps.models.receptive_field import ReceptiveField, Window, receptive_field
from torchcaps.nn import CapsuleHead, ConvDecoder
from torchcaps.options import check_choice, check_sizes

STEM = 7
SMALLEST = 4  # pixels
# A map is halved while at least so many pixels are left along its shorter side.
LEFT = 7


class CapsNetResNet(HeadedModel):
    """A residual network, then a capsule head:

        images -> 7x7 stem -> 4 stages of 2 blocks -> primary [B, I, E] -> routing -> [B, J, D]

    Stem and stages halve the map while 7 pixels are left: 224 pixels become 7, 64 become 8, and
    8 stay 8. Its norms are GroupNorms, so that no image depends on the others of its batch.

    Args:
        in_shape, num_classes: of the data; at least 4x4 pixels.
        stem_channels: of the stem and the first stage; each further stage has twice as many.
        types, primary_dim: kinds of primary capsules and their size E.
        pose_dim: D.
        routing, routing_options, iterations: see `nn.DenseCapsules`.
        decoder: "conv" or "none". The loss adds up squared errors over all pixels, so that on large
            images drawing outweighs the classes.
        decoder_width: channels of the decoder's first map.

    Source: the blocks of He, Zhang, Ren & Sun 2016, with the norms of Wu & He 2018.
    """

    name = "capsnet_resnet"

    def __init__(
        self,
        in_shape: tuple[int, int, int],
        num_classes: int,
        *,
        stem_channels: int = 32,
        types: int = 8,
        primary_dim: int = 8,
        pose_dim: int = 16,
        routing: str = "dynamic",
        routing_options: dict[str, Any] | None = None,
        iterations: int | None = None,
        decoder: Decoder = "none",
        decoder_width: int = 16,
    ) -> None:
        super().__init__(in_shape, num_classes)
        check_choice("CapsNetResNet", "decoder", decoder, get_args(Decoder))
        check_sizes("CapsNetResNet", stem_channels=stem_channels, decoder_width=decoder_width)
        channels, *size = self.in_shape
        if min(size) < SMALLEST:
            raise ValueError(
                f"CapsNetResNet, in_shape: expected at least {SMALLEST}x{SMALLEST} pixels; got "
                f"{size[0]}x{size[1]}; use larger images"
            )
        self.strides = _strides(min(size))
        widths = [stem_channels, *(stem_channels * 2**stage for stage in range(4))]
        stem, *stages = self.strides
        layers = [nn.Conv2d(channels, stem_channels, STEM, stem, STEM // 2, bias=False)]
        layers += [_norm(stem_channels), nn.ReLU()]
        for (before, after), stride in zip(pairwise(widths), stages, strict=True):
            layers += [_Block(before, after, stride), _Block(after, after, 1)]
        head = CapsuleHead(
            (widths[-1], *self._grid()),
            num_classes,
            types=types,
            primary_dim=primary_dim,
            pose_dim=pose_dim,
            routing=routing,
            routing_options=routing_options,
            iterations=iterations,
        )
        drawn = decoder == "conv"
        self.assemble(
            nn.Sequential(*layers),
            head,
            ConvDecoder(pose_dim, self.in_shape, decoder_width) if drawn else None,
        )

    def _grid(self) -> tuple[int, int]:
        field = self.field(())
        return field.rows, field.columns

    def field(self, grid: tuple[int, ...]) -> ReceptiveField:
        """Which pixels a capsule sees, along the path of most convolutions."""
        stem, *stages = self.strides
        windows = [Window(STEM, stem, STEM // 2)]
        for stride in stages:
            windows += [Window(3, each, 1) for each in (stride, 1, 1, 1)]
        return receptive_field(windows, *self.in_shape[1:])


class _Block(nn.Module):
    """Two 3x3 convolutions beside a shortcut."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(before, after, 3, stride, 1, bias=False)
        self.second = nn.Conv2d(after, after, 3, padding=1, bias=False)
        self.norms = nn.ModuleList([_norm(after), _norm(after)])
        same = before == after and stride == 1
        self.shortcut = None if same else nn.Conv2d(before, after, 1, stride, bias=False)

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B K h w"]:
        first, second = self.norms
        added = second(self.second(F.relu(first(self.first(x)))))
        return F.relu(added + (x if self.shortcut is None else self.shortcut(x)))


def _norm(channels: int) -> nn.GroupNorm:
    return nn.GroupNorm(gcd(channels, 8), channels)


def _strides(size: int) -> list[int]:
    """Of the stem and the four stages."""
    strides = []
    for _ in range(5):
        strides.append(2 if size >= 2 * LEFT else 1)
        size = -(-size // strides[-1])
    return strides
