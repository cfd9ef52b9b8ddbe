"""A capsule head: classes by routing, on the features of any backbone."""

from collections.abc import Sequence
from math import prod
from typing import Any

from jaxtyping import Bool, Float
from torch import Tensor, nn

from torchcaps.nn.dense import DenseCapsules
from torchcaps.nn.layer import as_capsules
from torchcaps.nn.primary import PrimaryCapsules, PrimaryCapsules1d, PrimaryCapsules3d
from torchcaps.nn.routing import ROUTINGS
from torchcaps.nn.routing_module import ScoreKind
from torchcaps.ops import Capsules
from torchcaps.options import check_choice, check_sizes

PRIMARY = PrimaryCapsules1d, PrimaryCapsules, PrimaryCapsules3d  # by the axes of the map


class CapsuleHead(nn.Module):
    """Primary capsules and class capsules, in the place of a network's pooling and last layer:

        features [B, C, *size] -> primary [B, I, E] -> routing -> poses [B, J, D], activations

    Args:
        in_shape: of the features of one image, `(C, *size)`; with `channels_last` `(*size, C)`, as
            `(T, d)` for T tokens of a transformer.
        num_classes: J.
        types, primary_dim: kinds of primary capsules and their size E; I is `types` times the
            positions.
        pose_dim: D.
        kernel_size, stride, padding: of the primary capsules; by default each position, or token,
            makes its own.
        channels_last: features are `[B, *size, C]`.
        share_positions: capsules of one type have the same transforms at every position, in place
            of their own. Features of any other size, and any number of tokens, are then taken too
            if the routing has no parameters for each child. Learning is slower.
        routing, routing_options, iterations: see `DenseCapsules`; a name of `ROUTINGS`.

    Called with features and, for kernels of 1, a `mask [B, *size]`, True where there is something:
    what stands elsewhere, as at the padding of a text, changes nothing. Answers with
    `Capsules(poses, activations)`; `scores` of them are what a classifier reads.
    """

    def __init__(
        self,
        in_shape: Sequence[int],
        num_classes: int,
        *,
        types: int = 16,
        primary_dim: int = 8,
        pose_dim: int = 16,
        kernel_size: int = 1,
        stride: int = 1,
        padding: int = 0,
        channels_last: bool = False,
        share_positions: bool = False,
        routing: str = "dynamic",
        routing_options: dict[str, Any] | None = None,
        iterations: int | None = None,
    ) -> None:
        super().__init__()
        sizes = {"num_classes": num_classes, "types": types, "primary_dim": primary_dim}
        sizes |= {"pose_dim": pose_dim, "kernel_size": kernel_size, "stride": stride}
        check_sizes("CapsuleHead", **sizes)
        if len(in_shape) not in (2, 3, 4) or min(in_shape) < 1:
            layout = "(*size, C)" if channels_last else "(C, *size)"
            raise ValueError(
                f"CapsuleHead, in_shape: expected {layout} with 1 to 3 axes of size, all at "
                f"least 1; got {tuple(in_shape)}; take backbone(images).shape[1:]"
            )
        check_choice("CapsuleHead", "routing", routing, list(ROUTINGS))
        if share_positions and not ROUTINGS[routing].casts_votes:
            raise ValueError(
                f"CapsuleHead, share_positions: expected False, since {routing!r} has no "
                "transforms to share; got True; leave it out"
            )
        self.config = {
            "in_shape": list(in_shape), **sizes, "padding": padding,
            "channels_last": channels_last, "share_positions": share_positions,
            "routing": routing, "routing_options": dict(routing_options or {}),
            "iterations": iterations,
        }  # fmt: skip
        self.in_shape, self.num_classes = tuple(in_shape), num_classes
        self.channels_last, self.channel_axis = channels_last, -1 if channels_last else 1
        self.channels = in_shape[-1 if channels_last else 0]
        self.pointwise = (kernel_size, stride, padding) == (1, 1, 0)
        self.primary = PRIMARY[len(in_shape) - 2](
            self.channels,
            types,
            primary_dim,
            kernel_size=kernel_size,
            stride=stride,
            padding=padding,
        )
        positions = prod(self.grid(self.in_shape))
        self.capsules = DenseCapsules(
            types * positions,
            primary_dim,
            num_classes,
            pose_dim,
            routing=routing,
            routing_options=routing_options,
            iterations=iterations,
            positions=positions if share_positions else 1,
        )

    @property
    def score_kind(self) -> ScoreKind:
        """What `scores` are: lengths or activations in [0, 1], or logits."""
        return self.capsules.routing.score_kind

    def grid(self, shape: Sequence[int]) -> tuple[int, ...]:
        """Positions of the capsules for features of this shape, as `in_shape`."""
        return self.primary.grid(*self._size(shape))

    def _size(self, shape: Sequence[int]) -> tuple[int, ...]:
        return tuple(shape[:-1] if self.channels_last else shape[1:])

    def forward(
        self, x: Float[Tensor, "B *map"], mask: Bool[Tensor, "B *size"] | None = None
    ) -> Capsules:
        there = None if mask is None else mask.flatten(1).repeat(1, self.primary.types)
        return as_capsules(self.capsules(self.primary_capsules(x, mask), mask=there))

    def primary_capsules(
        self, x: Float[Tensor, "B *map"], mask: Bool[Tensor, "B *size"] | None = None
    ) -> Float[Tensor, "B I E"]:
        """The children that routing is given, by type, then position by position."""
        self._check(x, mask)
        if self.channels_last:
            x = x.movedim(-1, 1)
        if mask is not None:  # NaN times a gradient of 0 would spoil that of the kernel
            x = x.masked_fill(~mask.unsqueeze(1), 0)
        return self.primary(x)

    def scores(self, capsules: Capsules) -> Float[Tensor, "B J"]:
        """What a classifier reads of class capsules, see `score_kind`."""
        return self.capsules.routing.scores(capsules)

    def _check(self, x: Tensor, mask: Tensor | None) -> None:
        shape, wanted = tuple(x.shape[1:]), self.in_shape
        fits = len(shape) == len(wanted) and x.shape[self.channel_axis] == self.channels
        if not fits or (shape != wanted and not self.capsules.takes_any_number):
            any_size = " or another size" if self.capsules.takes_any_number else ""
            raise ValueError(
                f"CapsuleHead, x: expected features [B, {', '.join(map(str, wanted))}]{any_size}; "
                f"got {tuple(x.shape)}; build the head with the in_shape of the features"
            )
        if mask is None:
            return
        size = self._size(shape)
        if not self.pointwise or tuple(mask.shape) != (len(x), *size):
            raise ValueError(
                f"CapsuleHead, mask: expected {(len(x), *size)} for kernels of 1; got "
                f"{tuple(mask.shape)} for kernels of {self.config['kernel_size']}; leave it out, "
                "or give each position its own capsules"
            )
