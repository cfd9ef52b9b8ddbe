"""What each layer of a network makes of images: one flat vector an image."""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from torchcaps.analysis.eval_mode import eval_mode
from torchcaps.models import Model


def layers(
    model: Model, images: Float[Tensor, "B C *size"], labels: Int[Tensor, " B"] | None = None
) -> dict[str, Tensor]:
    """The layers by name, from the image to what the scores are read from, each `[B, features]`.

    The first is "image", the pixels themselves; the others are `model.representations`.
    """
    named = {"image": images, **model.representations(images, labels)}
    return {name: x.flatten(1) for name, x in named.items()}


@torch.no_grad()
def represent(
    model: Model,
    images: Float[Tensor, "N C *size"],
    labels: Int[Tensor, " N"] | None = None,
    *,
    only: Sequence[str] | None = None,
    batch_size: int = 250,
) -> dict[str, Float[Tensor, "N _"]]:
    """`layers` of all images, batch by batch on the model's device, kept on the CPU.

    only: the names of the layers to keep; None keeps all.
    """
    batches = []
    with eval_mode(model) as device:
        for chosen in torch.arange(len(images)).split(batch_size):
            told = None if labels is None else labels[chosen].to(device)
            found = layers(model, images[chosen].to(device), told)
            kept = found if only is None else {name: _known(found, name) for name in only}
            batches.append({name: x.cpu() for name, x in kept.items()})
    return {name: torch.cat([batch[name] for batch in batches]) for name in batches[0]}


def layer_names(model: Model) -> list[str]:
    """The names of the layers of a model, in order."""
    return list(represent(model, torch.zeros(1, *model.in_shape)))


def _known(found: dict[str, Tensor], name: str) -> Tensor:
    if name not in found:
        raise ValueError(
            f"represent, only: expected some of {', '.join(found)}; got {name!r}; "
            "name layers that the model has"
        )
    return found[name]
