"""How nearly a rotation-equivariant network is so, layer by layer."""

import torch
from jaxtyping import Float
from torch import Tensor

from torchcaps.models import Model
from torchcaps.ops.groups import rotate_pose


@torch.no_grad()
def equivariance_errors(
    model: Model,
    images: Float[Tensor, "B C H W"],
    turned: Float[Tensor, "B C H W"],
    degrees: float,
) -> dict[str, float]:
    r"""The error of each layer, as a share of what the rotation changes in it:

    $$ \frac{\| f(g x) - \rho(g) f(x) \|}{\| f(g x) - f(x) \|} $$

    over all images; 0 is equivariance, 1 is a layer as wrong as one that does not change at all.

    Args:
        images, turned: the same things, upright and rotated by `degrees` counter-clockwise. Rotate
            pictures by `data.transforms.rotate` and the interpolation counts as error; draw the
            turned ones anew and only the network's own is left.

    Returns the error by layer, in order. The layers are `model.orientation_features`; $\rho(g)$ is
    `rotate_pose`. Raises a `ValueError` for a model that has none.
    """
    before, after = (model.orientation_features(x) for x in (images, turned))
    if before is None or after is None:
        raise ValueError(
            f"equivariance_errors, model: expected a rotation-equivariant network; got "
            f"{model.name}; take equivariant_capsnet"
        )
    errors = {}
    for name, upright in before.items():
        expected = rotate_pose(upright, degrees)
        errors[name] = float((after[name] - expected).norm() / (after[name] - upright).norm())
    return errors
