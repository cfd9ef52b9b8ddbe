"""One image on its way from parts to wholes."""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from torchcaps.analysis.routed_image import RoutedImage, route_image
from torchcaps.models import Model
from torchcaps.ops import lengths


class Part(NamedTuple):
    """A primary capsule: its type, its length, and the square of pixels that it looks at."""

    type: int
    length: float
    top: int
    left: int
    side: int


class RoutingExample(NamedTuple):
    """parts: the strongest primary capsules, the strongest first.

    couplings: `[R, P, J]` of these parts, iteration by iteration.
    lengths: `[R, J]` of the class capsules, had routing ended there; of a network that looks at a
        window of orientations, its scores.
    """

    parts: tuple[Part, ...]
    couplings: Tensor
    lengths: Tensor

    @property
    def winner(self) -> int:
        """The class of the longest capsule after the last iteration."""
        return int(self.lengths[-1].argmax())


@torch.no_grad()
def explain_routing(
    model: Model, image: Float[Tensor, "C H W"], *, strongest: int = 6
) -> RoutingExample:
    """Follow the `strongest` primary capsules of `image` through all iterations of the model.

    Raises a `ValueError` for a model without class capsules by routing.
    """
    routed = route_image(model, image)
    child, parts = strongest_parts(routed, strongest)
    return RoutingExample(parts, routed.couplings[:, child], routed.scores)


def strongest_parts(routed: RoutedImage, count: int) -> tuple[Tensor, tuple[Part, ...]]:
    """The longest children, the longest first: their numbers, and what they are."""
    strength = lengths(routed.children)
    length, child = strength.topk(min(count, len(strength)))
    return child, tuple(_part(routed, int(i), float(l)) for i, l in zip(child, length, strict=True))


def _part(routed: RoutedImage, child: int, length: float) -> Part:
    """Children come by type, then row by row."""
    field = routed.field
    kind, place = divmod(child, field.rows * field.columns)
    row, column = divmod(place, field.columns)
    top, left = field.top + field.stride * row, field.left + field.stride * column
    return Part(kind, length, top, left, field.side)
