"""A capsule head on a network of one's own, as a model that trains."""

from collections.abc import Mapping
from typing import Any, Literal, get_args

from torch import nn

from torchcaps.models.create import build
from torchcaps.models.headed import HeadedModel
from torchcaps.nn import CapsuleHead, ConvDecoder
from torchcaps.options import check_choice, check_sizes
from torchcaps.quoting import quote

Decoder = Literal["conv", "none"]


class BackboneCapsNet(
    HeadedModel, coders={CapsuleHead: (lambda head: head.config, lambda told: CapsuleHead(**told))}
):
    """A backbone of one's own and a capsule head:

        images [B, *in_shape] -> backbone -> features -> head -> poses [B, J, D], scores [B, J]

    Args:
        backbone: any module that gives the features `[B, *head.in_shape]` of images. It is used
            as it is, not copied.
        head: a `nn.CapsuleHead` for these features.
        in_shape: of the images.
        freeze: the backbone learns nothing: its weights have no gradients, and it stays in
            evaluation mode, so that its BatchNorms keep their statistics.
        decoder: "conv" draws the image from a pose; see `nn.ConvDecoder`.
        decoder_width: channels of its first map.

    Saved like every model, the backbone's weights included; what the backbone is no file says, so
    that loading needs one like it: `load_model(folder, backbone=network)`.
    """

    name = "backbone_capsnet"

    def __init__(
        self,
        backbone: nn.Module,
        head: CapsuleHead,
        in_shape: tuple[int, int, int],
        *,
        freeze: bool = False,
        decoder: Decoder = "none",
        decoder_width: int = 64,
    ) -> None:
        if not isinstance(backbone, nn.Module):
            raise ValueError(
                "BackboneCapsNet, backbone: expected a module that makes features of images; got "
                f"{quote(backbone)}; give the network itself, as in load_model(folder, "
                "backbone=network)"
            )
        check_choice("BackboneCapsNet", "decoder", decoder, get_args(Decoder))
        check_sizes("BackboneCapsNet", decoder_width=decoder_width)
        super().__init__(in_shape, head.num_classes)
        drawn = decoder == "conv"
        self.assemble(
            backbone,
            head,
            ConvDecoder(head.capsules.out_dim, self.in_shape, decoder_width) if drawn else None,
        )
        self.config.update(num_classes=head.num_classes, backbone=type(backbone).__name__)
        self.freeze = freeze
        if freeze:
            backbone.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> "BackboneCapsNet":
        super().train(mode)
        if self.freeze:
            self.backbone.eval()
        return self

    @classmethod
    def from_options(
        cls, in_shape: tuple[int, ...], backbone: nn.Module | None, options: Mapping[str, Any]
    ) -> "BackboneCapsNet":
        """What `config.json` says, on a backbone that it cannot say."""
        kind, where = options.get("backbone"), f"load_model, options of {cls.name}"
        if backbone is None:
            raise ValueError(
                f"load_model, backbone: expected the network below the capsules, {quote(kind)}, "
                "which no config.json can describe; got none; build one like it and call "
                "load_model(folder, backbone=network)"
            )
        told = options.get("head")
        head = build(CapsuleHead, f"{where}, head", told if isinstance(told, dict) else {})
        given = {**options, "backbone": backbone, "head": head, "in_shape": in_shape}
        return build(cls, where, given)
