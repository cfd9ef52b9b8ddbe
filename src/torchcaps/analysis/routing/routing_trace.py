"""How routing goes for one image, from its primary capsules to its class capsules."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from torchcaps.analysis.eval_mode import eval_mode, presence, require
from torchcaps.analysis.routing.couplings import shares
from torchcaps.models import Model
from torchcaps.models.receptive_field import ReceptiveField
from torchcaps.ops import lengths


@dataclass(frozen=True)
class RoutingTrace:
    """children `[I, E]`, votes `[I, J, D]` as routing compares them; of every iteration, couplings
    `[R, I, J]`, poses `[R, J, D]` and scores `[R, J]` as if routing ended there, from 0 to 1:
    lengths or activations, or the softmax of logits.

    field: which pixels a child sees. Children come by type, then row by row.
    leaky: part of a child's couplings may go to no parent.
    """

    children: Tensor
    votes: Tensor
    couplings: Tensor
    poses: Tensor
    scores: Tensor
    field: ReceptiveField
    leaky: bool = False

    def sent(self) -> Float[Tensor, "R I J"]:
        """What each parent gets of all that a child sends: see `shares`."""
        return self.couplings if self.leaky else shares(self.couplings)

    def agreement(self) -> Float[Tensor, "I J"]:
        """The cosine of every vote with the parent's pose after the last iteration."""
        return F.cosine_similarity(self.votes, self.poses[-1], dim=-1)

    def support(self) -> Float[Tensor, "J rows columns"]:
        r"""What every position adds to a parent in the last iteration, over all types of children:

        $$ \sum_{i \text{ there}} c_{ij}\, \hat u_{ij} \cdot v_j / |v_j| $$

        Without a routing bias, the sum over all positions is $|s_j|$. Negative where a child
        disagrees.
        """
        along = F.normalize(self.poses[-1], dim=-1)
        added = self.couplings[-1] * torch.einsum("ijd,jd->ij", self.votes, along)
        rows, columns = self.field.rows, self.field.columns
        return added.unflatten(0, (-1, rows, columns)).sum(0).permute(2, 0, 1)


@torch.no_grad()
def trace_routing(
    model: Model, image: Float[Tensor, "C *size"], *, iterations: int | None = None
) -> RoutingTrace:
    """Route one image, with the model's own number of iterations or another.

    Raises a `ValueError` for a model without class capsules by routing.
    """
    require("routes", model, "trace_routing")
    with eval_mode(model) as device:
        images = image[None].to(device)
        found = model.explain(images, iterations)
        assert found is not None
        couplings = found.couplings[:, 0]
        poses, scores = found.gather(found.couplings)
        if iterations is None:
            # Cluster's couplings are means over the elements of a pose, and near the truth alone.
            scores[-1] = model(images).scores
    scores = presence(model, scores[:, 0])
    return RoutingTrace(
        found.children[0],
        found.votes[0],
        couplings,
        poses[:, 0],
        scores,
        found.field,
        found.leaky,
    )


class Part(NamedTuple):
    """A primary capsule: its type, its length, and the square of pixels that it sees."""

    type: int
    length: float
    top: int
    left: int
    side: int


class RoutingExample(NamedTuple):
    """parts: the strongest primary capsules, the strongest first.

    couplings: `[R, P, J]` of these parts, iteration by iteration, as shares of what a part sends.
    lengths: `[R, J]`, the scores of the classes as if routing ended there: see `RoutingTrace`.
    """

    parts: tuple[Part, ...]
    couplings: Tensor
    lengths: Tensor

    @property
    def winner(self) -> int:
        """The predicted class."""
        return int(self.lengths[-1].argmax())


@torch.no_grad()
def explain_routing(
    model: Model, image: Float[Tensor, "C *size"], *, strongest: int = 6
) -> RoutingExample:
    """Follow the `strongest` primary capsules of `image` through all iterations of the model.

    Raises a `ValueError` for a model without class capsules by routing.
    """
    routed = trace_routing(model, image)
    child, parts = strongest_parts(routed, strongest)
    return RoutingExample(parts, routed.sent()[:, child], routed.scores)


def strongest_parts(routed: RoutingTrace, count: int) -> tuple[Tensor, tuple[Part, ...]]:
    """The longest children, the longest first: their numbers, and what they are."""
    strength = lengths(routed.children)
    length, child = strength.topk(min(count, len(strength)))
    return child, tuple(_part(routed, int(i), float(l)) for i, l in zip(child, length, strict=True))


def _part(routed: RoutingTrace, child: int, length: float) -> Part:
    """Children come by type, then row by row."""
    field = routed.field
    kind, place = divmod(child, field.rows * field.columns)
    row, column = divmod(place, field.columns)
    top, left = field.top + field.stride * row, field.left + field.stride * column
    return Part(kind, length, top, left, field.side)
