"""Mathematics on tensors: no parameters, no input or output, torch alone.

Letters: B batch, I children, J parents, E dim of a child, D dim of a parent, R iterations.
"""

from torchcaps.ops.groups import cyclic_shift, regular_representation, rotate_pose
from torchcaps.ops.lengths import lengths
from torchcaps.ops.losses import check_labels, margin_loss, reconstruction_loss
from torchcaps.ops.masking import mask_capsules, select_capsule
from torchcaps.ops.routing import Routing, dynamic_routing, list_backends, route, votes
from torchcaps.ops.squash import squash, unit_squash
from torchcaps.ops.steerable import orientation_basis, steerable_basis

__all__ = [
    "Routing",
    "check_labels",
    "cyclic_shift",
    "dynamic_routing",
    "lengths",
    "list_backends",
    "margin_loss",
    "mask_capsules",
    "orientation_basis",
    "reconstruction_loss",
    "regular_representation",
    "rotate_pose",
    "route",
    "select_capsule",
    "squash",
    "steerable_basis",
    "unit_squash",
    "votes",
]
