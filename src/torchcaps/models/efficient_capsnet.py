"""Efficient-CapsNet: few primary capsules that each see the whole map, routed by self-attention."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Literal, get_args

from jaxtyping import Float
from torch import Tensor, nn

from torchcaps.models.model import ScoreKind
from torchcaps.models.receptive_field import ReceptiveField, Window
from torchcaps.models.routed import PRIMARY, RoutedModel
from torchcaps.nn import ROUTINGS, DenseCapsules, MLPDecoder, SmoothDecoder
from torchcaps.nn.sizes import conv_output
from torchcaps.ops import unit_squash
from torchcaps.options import check_choice, check_several, check_sizes

Norm = Literal["batch", "instance"]
Decoder = Literal["mlp", "conv", "none"]
EPS = 1e-3  # of the norms, as in the authors' framework


class EfficientCapsNet(RoutedModel):
    r"""Four convolutions, one depthwise convolution over the whole map, class capsules:

        images -> 4 x (conv, ReLU, norm) -> depthwise -> primary [B, I, E] -> poses [B, J, D]

    The whole map makes each of the I = `types` primary capsules, so that a child has no position.
    Primary and class capsules are as long as $1 - e^{-\|s\|}$ (`ops.unit_squash`). The decoder
    draws from all poses, but one of them masked.

    Args:
        in_shape, num_classes: of the data.
        channels: of the first three convolutions; the fourth has `types * primary_dim`.
        kernel_size, stride: of the first convolution; the others have 3x3 kernels, the last one
            stride 2. None has padding.
        norm: "batch", or "instance" as the authors' network for smallNORB.
        slope: of the ReLU below 0.
        types, primary_dim: the primary capsules and their size E.
        pose_dim: D.
        routing, routing_options, iterations: see `nn.DenseCapsules`.
        decoder: "mlp" (`decoder_width` and twice as many hidden units), "conv" or "none".

    161,824 parameters learn for MNIST and 151,664 for smallNORB, without the decoder, as the
    authors' code has it. Transforms start with He's deviation for the I * E numbers that a parent
    listens to; the authors' is smaller by the root of J. From the start of `DenseCapsules`, which
    makes few children shout to give parents half their length, self-attention does not learn.

    Source: Mazzia, Salvetti & Chiaberge 2021.
    """

    name = "efficient_capsnet"
    masked = True

    def __init__(
        self,
        in_shape: tuple[int, int, int],
        num_classes: int,
        *,
        channels: Sequence[int] = (32, 64, 64),
        kernel_size: int = 5,
        stride: int = 1,
        norm: Norm = "batch",
        slope: float = 0.0,
        types: int = 16,
        primary_dim: int = 8,
        pose_dim: int = 16,
        routing: str = "self_attention",
        routing_options: dict[str, Any] | None = None,
        iterations: int | None = None,
        decoder: Decoder = "mlp",
        decoder_width: int = 512,
    ) -> None:
        super().__init__(in_shape, num_classes)
        where = "EfficientCapsNet"
        check_choice(where, "norm", norm, get_args(Norm))
        check_choice(where, "decoder", decoder, get_args(Decoder))
        check_choice(where, "routing", routing, list(ROUTINGS))
        check_several(where, "channels", channels, 3)
        sizes = {"kernel_size": kernel_size, "stride": stride, "types": types}
        sizes |= {"primary_dim": primary_dim, "pose_dim": pose_dim, "decoder_width": decoder_width}
        check_sizes(where, **sizes)
        last = types * primary_dim
        windows = [Window(kernel_size, stride, 0), *(Window(3, step, 0) for step in (1, 1, 2))]
        size = (self.in_shape[1], self.in_shape[2])
        for k, window in enumerate(windows, 1):
            size = conv_output(size, window.kernel, window.stride, 0, f"{where}, convolution {k}")
        if norm == "instance" and size == (1, 1):
            raise ValueError(
                f"{where}, in_shape: expected a last map of more than one position, whose norm is "
                f"not 0, with norm='instance'; got {self.in_shape}; use larger images"
            )
        widths = [self.in_shape[0], *channels, last]
        blocks: list[nn.Module] = []
        for (before, after), window in zip(pairwise(widths), windows, strict=True):
            blocks += [nn.Conv2d(before, after, window.kernel, window.stride), nn.LeakyReLU(slope)]
            blocks.append(_norm(norm, after))
        self.features = nn.Sequential(*blocks)
        self.primary = nn.Conv2d(last, last, (size[0], size[1]), groups=last)
        self.capsules = DenseCapsules(
            types,
            primary_dim,
            num_classes,
            pose_dim,
            routing=routing,
            routing_options=routing_options,
            iterations=iterations,
            init_std=(2 / last) ** 0.5 if ROUTINGS[routing].casts_votes else None,
        )
        self.score_kind: ScoreKind = self.capsules.routing.score_kind
        self.types = types
        self.decoder = None
        if decoder == "mlp":
            hidden = (decoder_width, 2 * decoder_width)
            self.decoder = MLPDecoder(num_classes * pose_dim, self.in_shape, hidden)
        elif decoder == "conv":
            self.decoder = SmoothDecoder(num_classes * pose_dim, self.in_shape)

    def layers(self, images: Float[Tensor, "B C H W"]) -> dict[str, Any]:
        maps = self.features(images)
        children = self.primary(maps).flatten(1).unflatten(1, (self.types, -1))
        return {"map": maps, PRIMARY: unit_squash(children)}

    def field(self) -> ReceptiveField:
        """The whole image, for every capsule."""
        height, width = self.in_shape[1:]
        return ReceptiveField(1, 1, 0, 0, 0, max(height, width))


def _norm(kind: Norm, channels: int) -> nn.Module:
    """One group for each channel is a norm of every image by itself, of any size."""
    if kind == "batch":
        return nn.BatchNorm2d(channels, eps=EPS)
    return nn.GroupNorm(channels, channels, eps=EPS)
