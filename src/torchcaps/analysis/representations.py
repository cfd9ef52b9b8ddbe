"""What each layer of a network makes of images: one flat vector an image."""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from torchcaps.analysis.asking import asked
from torchcaps.models import CNN, CapsNet, EquivariantCapsNet, Model, PooledCNN
from torchcaps.ops import lengths, select_capsule

# The J capsules that a capsule network reads its scores from, and the one of the image's class.
POSES = "class poses"
POSE = "pose of the class"


def layers(
    model: Model, images: Float[Tensor, "B C H W"], labels: Int[Tensor, " B"] | None = None
) -> dict[str, Tensor]:
    """The layers by name, from the image to what the scores are read from, each `[B, features]`.

    The first is "image", the pixels themselves. Maps are taken after their ReLU. The last is
    "penultimate", or for capsules "class poses" and then "pose of the class": that of the label,
    or of the highest score where no labels are given.

    Raises a `ValueError` for a model whose layers are not known.
    """
    for kind, found in _LAYERS.items():
        if isinstance(model, kind):
            named = {"image": images, **found(model, images, labels)}
            return {name: x.flatten(1) for name, x in named.items()}
    known = ", ".join(kind.__name__ for kind in _LAYERS)
    raise ValueError(
        f"layers, model: expected one of {known}; got {type(model).__name__}; say in "
        "analysis/representations.py what its layers are"
    )


@torch.no_grad()
def represent(
    model: Model,
    images: Float[Tensor, "N C H W"],
    labels: Int[Tensor, " N"] | None = None,
    *,
    only: Sequence[str] | None = None,
    batch_size: int = 250,
) -> dict[str, Float[Tensor, "N _"]]:
    """`layers` of all images, batch by batch on the model's device, kept on the CPU.

    only: the names of the layers to keep; None keeps all.
    """
    batches = []
    with asked(model) as device:
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


def _capsnet(model: CapsNet, images: Tensor, labels: Tensor | None) -> dict[str, Tensor]:
    stem = F.relu(model.stem(images))
    children = model.primary(stem)
    poses = model.capsules(children)
    chosen = lengths(poses).argmax(-1) if labels is None else labels
    return {
        "stem": stem,
        "primary capsules": children,
        POSES: poses,
        POSE: select_capsule(poses, chosen),
    }


def _equivariant(
    model: EquivariantCapsNet, images: Tensor, labels: Tensor | None
) -> dict[str, Tensor]:
    lifted, combined = _after(model.features, images, nn.ReLU)
    children = model.primary_capsules(images)
    poses = model.capsules(children)
    chosen = model.scores(poses).argmax(-1) if labels is None else labels
    return {
        "lifting": lifted,
        "group convolution": combined,
        "primary capsules": children,
        POSES: poses,
        POSE: select_capsule(poses, chosen),
    }


def _cnn(model: CNN, images: Tensor, labels: Tensor | None) -> dict[str, Tensor]:
    names = ("map 1", "pool 1", "map 2", "pool 2", "penultimate")
    return dict(zip(names, _after(model.features, images, nn.ReLU, nn.MaxPool2d), strict=True))


def _pooled_cnn(model: PooledCNN, images: Tensor, labels: Tensor | None) -> dict[str, Tensor]:
    first, second, pooled = _after(model.features, images, nn.ReLU, nn.AvgPool2d)
    penultimate = model.hidden(pooled.flatten(1))
    return {"map 1": first, "map 2": second, "pool": pooled, "penultimate": penultimate}


def _after(modules: nn.Sequential, x: Tensor, *kinds: type[nn.Module]) -> list[Tensor]:
    """What comes out of every module of these kinds, in order."""
    found = []
    for module in modules:
        x = module(x)
        if isinstance(module, kinds):
            found.append(x)
    return found


_LAYERS: dict[type[Model], Callable[..., dict[str, Tensor]]] = {
    CapsNet: _capsnet,
    EquivariantCapsNet: _equivariant,
    CNN: _cnn,
    PooledCNN: _pooled_cnn,
}
