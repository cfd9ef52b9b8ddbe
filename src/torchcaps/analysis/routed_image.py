"""Everything that routing knows of one image."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from torchcaps.analysis.asking import asked
from torchcaps.analysis.field_of_view import FieldOfView, field_of_view
from torchcaps.models import CapsNet, EquivariantCapsNet, Model
from torchcaps.ops import lengths, squash
from torchcaps.ops.routing import dynamic_routing
from torchcaps.ops.routing.dynamic import weighted_sum


@dataclass(frozen=True)
class RoutedImage:
    """children `[I, E]`, votes `[I, J, D]` as routing compares them; of every iteration, couplings
    `[R, I, J]`, poses `[R, J, D]` and the model's scores `[R, J]`, had routing ended there.

    field: which pixels a child looks at. Children come by type, then row by row.
    """

    children: Tensor
    votes: Tensor
    couplings: Tensor
    poses: Tensor
    scores: Tensor
    field: FieldOfView

    def agreement(self) -> Float[Tensor, "I J"]:
        """The cosine of every vote with the parent's pose after the last iteration."""
        return F.cosine_similarity(self.votes, self.poses[-1], dim=-1)

    def support(self) -> Float[Tensor, "J rows columns"]:
        r"""What every place adds to a parent in the last iteration, over all types of children:

        $$ \sum_{i \text{ there}} c_{ij}\, \hat u_{ij} \cdot v_j / |v_j| $$

        Without a routing bias, the sum over all places is $|s_j|$. Negative where a child says
        something else.
        """
        along = F.normalize(self.poses[-1], dim=-1)
        added = self.couplings[-1] * torch.einsum("ijd,jd->ij", self.votes, along)
        rows, columns = self.field.rows, self.field.columns
        return added.unflatten(0, (-1, rows, columns)).sum(0).permute(2, 0, 1)


@torch.no_grad()
def route_image(
    model: Model, image: Float[Tensor, "C H W"], *, iterations: int | None = None
) -> RoutedImage:
    """Route one image, with the model's own number of iterations or another.

    Raises a `ValueError` for a model without class capsules by routing.
    """
    if not isinstance(model, CapsNet | EquivariantCapsNet):
        raise ValueError(
            f"route_image, model: expected class capsules by routing; got {model.name}, which has "
            "none; take a capsnet"
        )
    with asked(model) as device:
        return _routed(model, image.to(device), iterations)


def _routed(
    net: CapsNet | EquivariantCapsNet, image: Float[Tensor, "C H W"], iterations: int | None
) -> RoutedImage:
    layer = net.capsules
    bias = net.capsules.bias if isinstance(net, CapsNet) else None
    u = net.primary_capsules(image[None])
    u_hat = layer.votes(u)
    history = dynamic_routing(
        u_hat, iterations or layer.iterations, bias=bias, leaky=layer.leaky, history=True
    ).history
    assert history is not None
    couplings = history[:, 0]
    poses = squash(weighted_sum(couplings, u_hat.expand(len(couplings), -1, -1, -1), bias))
    told = net.scores(net.capsules.tell(poses)) if isinstance(net, EquivariantCapsNet) else None
    scores = lengths(poses) if told is None else told
    return RoutedImage(u[0], u_hat[0], couplings, poses, scores, field_of_view(net))
