"""How nearly a network that should turn with its input does, layer by layer."""

import torch
from jaxtyping import Float
from torch import Tensor

from torchcaps.models import EquivariantCapsNet
from torchcaps.ops.groups import rotate_pose


@torch.no_grad()
def turning_errors(
    model: EquivariantCapsNet,
    images: Float[Tensor, "B C H W"],
    turned: Float[Tensor, "B C H W"],
    degrees: float,
) -> dict[str, float]:
    r"""What each layer misses of the promise, as a share of what the turn changes in it:

    $$ \frac{\| f(g x) - \rho(g) f(x) \|}{\| f(g x) - f(x) \|} $$

    over all images; 0 is equivariance, 1 is a layer as wrong as one that does not turn at all.

    Args:
        images, turned: the same things, upright and turned by `degrees` counter-clockwise. Turn
            pictures by `data.transforms.rotate` and the interpolation counts as error; draw the
            turned ones anew and only the network's own is left.

    Returns the error by layer, in order. Maps are compared in their middle (the mean of the one,
    two or four pixels there), which turns without being interpolated; $\rho(g)$ is `rotate_pose`.
    """
    errors = {}
    for (name, before), after in zip(_layers(model, images), _layers(model, turned), strict=True):
        expected = rotate_pose(before, degrees)
        errors[name] = float((after[1] - expected).norm() / (after[1] - before).norm())
    return errors


def _layers(model: EquivariantCapsNet, images: Tensor) -> list[tuple[str, Tensor]]:
    """Of each layer its functions of the orientation, `[..., n, d]`."""
    found, x = [], images
    for number, layer in enumerate(model.features, 1):
        x = layer(x)
        found.append((f"{number} {type(layer).__name__}", _middle(x)))
    found.append(("primary capsules", _middle(model.normalise(model.primary(x)))))
    poses = model.capsules(model.primary_capsules(images))
    return [*found, ("poses", poses.unflatten(-1, (model.n, -1)))]


def _middle(maps: Float[Tensor, "B C n H W"]) -> Float[Tensor, "B C n 1"]:
    for dim in (3, 4):
        size = maps.shape[dim]
        maps = maps.narrow(dim, (size - 1) // 2, 2 - size % 2).mean(dim, keepdim=True)
    return maps.flatten(3)
