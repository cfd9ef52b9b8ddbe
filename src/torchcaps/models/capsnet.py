"""The CapsNet, from image to class capsules and back to the image."""

from typing import Any, Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from torchcaps.models.model import ScoreKind
from torchcaps.models.receptive_field import ReceptiveField, Window, receptive_field
from torchcaps.models.routed import PRIMARY, RoutedModel
from torchcaps.nn import (
    ROUTINGS,
    CapsuleLoss,
    ConvDecoder,
    DenseCapsules,
    MLPDecoder,
    PrimaryCapsules,
)
from torchcaps.nn.sizes import conv_output
from torchcaps.options import check_choice, check_sizes

Style = Literal["series", "sabour2017", "port"]
Decoder = Literal["mlp", "conv", "none"]


class CapsNet(RoutedModel):
    """Convolution, primary capsules, class capsules by routing, decoder:

        images -> ReLU(stem) -> primary [B, I, E] -> routing -> poses [B, J, D] -> lengths [B, J]

    The decoder draws the image from the capsule of the label, or of the longest where no label
    is given.

    Args:
        in_shape, num_classes: of the data; every size in between follows from them.
        style: "series" is the network of the series, with PyTorch's initialisation, and decodes
            the chosen pose alone. "sabour2017" is the authors' code: a routing bias, the primary
            convolution divided by the number of types, truncated normal initialisation, all poses
            masked but one as the decoder's input, and their weighting of the loss. "port" is how
            the usual PyTorch ports have it: the series', but masked poses for the decoder.
        stem_channels: channels of the stem.
        kernel_size: of the stem (stride 1) and of the primary capsules (stride 2).
        types, primary_dim: kinds of primary capsules and their size E; mixed: see
            `PrimaryCapsules`.
        pose_dim: D.
        routing: a name in `torchcaps.nn.ROUTINGS`; routing_options: its options.
        share_transforms: all children use the same transforms, as in Aff-CapsNet (Gu & Tresp 2020,
            which has `routing="uniform"` too).
        iterations: of the routing; None takes its own (3 for dynamic routing).
        leaky, detach: of dynamic routing, see `torchcaps.ops.dynamic_routing`.
        init_std: see `DenseCapsules`; ignored by the style sabour2017, and without transforms.
        decoder: "mlp", "conv" or "none".
        decoder_width: units of the MLP's first hidden layer (the second has twice as many), or
            channels of the convolutional decoder's first map.

    Source: Sabour, Frosst & Hinton 2017, figure 1 and 2.
    """

    name = "capsnet"

    def __init__(
        self,
        in_shape: tuple[int, int, int],
        num_classes: int,
        *,
        style: Style = "series",
        stem_channels: int = 256,
        kernel_size: int = 9,
        types: int = 32,
        primary_dim: int = 8,
        mixed: bool = False,
        pose_dim: int = 16,
        routing: str = "dynamic",
        routing_options: dict[str, Any] | None = None,
        share_transforms: bool = False,
        iterations: int | None = None,
        leaky: bool = False,
        detach: bool = True,
        init_std: float | None = 0.01,
        decoder: Decoder = "mlp",
        decoder_width: int = 512,
    ) -> None:
        super().__init__(in_shape, num_classes)
        check_choice("CapsNet", "style", style, get_args(Style))
        check_choice("CapsNet", "decoder", decoder, get_args(Decoder))
        check_sizes(
            "CapsNet",
            stem_channels=stem_channels,
            kernel_size=kernel_size,
            types=types,
            primary_dim=primary_dim,
            pose_dim=pose_dim,
            decoder_width=decoder_width,
        )
        check_choice("CapsNet", "routing", routing, list(ROUTINGS))
        if iterations is not None:
            check_sizes("CapsNet", iterations=iterations)
        if init_std is not None and init_std < 0:
            raise ValueError(
                f"CapsNet, init_std: expected 0 or more; got {init_std}; None chooses it"
            )
        authors = style == "sabour2017"
        self.style: Style = style
        channels, *size = self.in_shape
        self.stem = nn.Conv2d(channels, stem_channels, kernel_size)
        self.primary = PrimaryCapsules(
            stem_channels,
            types,
            primary_dim,
            kernel_size=kernel_size,
            gain=1 / types if authors else 1.0,
            mixed=mixed,
        )
        height, width = self.primary.grid(
            *conv_output((size[0], size[1]), kernel_size, 1, 0, "CapsNet stem")
        )
        self.capsules = DenseCapsules(
            types * height * width,
            primary_dim,
            num_classes,
            pose_dim,
            routing=routing,
            routing_options=routing_options,
            iterations=iterations,
            bias=authors and routing == "dynamic",
            leaky=leaky,
            detach=detach,
            positions=types * height * width if share_transforms else 1,
            init_std=init_std if ROUTINGS[routing].casts_votes else None,
        )
        self.score_kind: ScoreKind = self.capsules.routing.score_kind
        self.masked = style != "series"
        drawn = num_classes * pose_dim if self.masked else pose_dim
        self.decoder = _make_decoder(decoder, drawn, self.in_shape, decoder_width)
        if authors:
            _initialise_like_the_authors(self)

    def layers(self, images: Float[Tensor, "B C H W"]) -> dict[str, Any]:
        stem = F.relu(self.stem(images))
        return {"stem": stem, PRIMARY: self.primary(stem)}

    def field(self) -> ReceptiveField:
        windows = [
            Window(conv.kernel_size[0], conv.stride[0], int(conv.padding[0]))
            for conv in (self.stem, self.primary.conv)
        ]
        return receptive_field(windows, *self.in_shape[1:])

    def make_loss(self) -> nn.Module:
        if self.style == "sabour2017" and self.score_kind != "logits":
            return CapsuleLoss("sabour2017")
        return super().make_loss()


def _make_decoder(
    kind: str, in_dim: int, out_shape: tuple[int, ...], width: int
) -> nn.Module | None:
    if kind == "mlp":
        return MLPDecoder(in_dim, out_shape, (width, 2 * width))
    return ConvDecoder(in_dim, out_shape, width) if kind == "conv" else None


def _initialise_like_the_authors(model: CapsNet) -> None:
    """Truncated normal weights (0.05 in the stem, 0.1 elsewhere) and biases of 0.1."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if ".routing." in name and not name.endswith("routing.bias"):
                continue
            if name.endswith("bias"):
                parameter.fill_(0.1)
            else:
                std = 0.05 if name.startswith("stem") else 0.1
                nn.init.trunc_normal_(parameter, std=std, a=-2 * std, b=2 * std)
