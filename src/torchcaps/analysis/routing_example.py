"""One image on its way from parts to wholes."""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from torchcaps.analysis.routing import with_couplings
from torchcaps.models import CapsNet, Model
from torchcaps.ops import lengths
from torchcaps.ops.routing import dynamic_routing, votes


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
    lengths: `[R, J]` of the class capsules, had routing ended there.
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
    net = with_couplings(model, "explain_routing").eval()
    layer = net.capsules
    u = net.primary_capsules(image[None])
    u_hat = votes(u, layer.weight)
    routings = [
        dynamic_routing(u_hat, r, bias=layer.bias, leaky=layer.leaky)
        for r in range(1, layer.iterations + 1)
    ]
    length, child = lengths(u)[0].topk(min(strongest, u.shape[1]))
    return RoutingExample(
        tuple(_part(net, int(i), float(l)) for i, l in zip(child, length, strict=True)),
        torch.stack([routing.couplings[0, child] for routing in routings]),
        torch.stack([lengths(routing.poses)[0] for routing in routings]),
    )


def _part(net: CapsNet, child: int, length: float) -> Part:
    """Children come by type, then row by row; the stem has stride 1."""
    conv, (_, height, width) = net.primary.conv, net.in_shape
    stem = net.stem.kernel_size[0]
    rows, columns = net.primary.grid(height - stem + 1, width - stem + 1)
    kind, place = divmod(child, rows * columns)
    row, column = divmod(place, columns)
    stride = conv.stride[0]
    return Part(kind, length, stride * row, stride * column, stem + conv.kernel_size[0] - 1)
