"""What max-pooling keeps of where things are: distances between images before and after it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from statistics import mean

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from torchcaps.analysis.representation.ridge import ROUNDING
from torchcaps.data.transforms import shift
from torchcaps.models import Model
from torchcaps.models.model import POSE

POOLS = ("maps", "1 pool", "2 pools", "3 pools", "global pool")
PIXELS = (1, 2, 3, 4)

Represent = Callable[[Tensor], Mapping[str, Tensor]]


@dataclass(frozen=True)
class PoolingMeasures:
    r"""Distances from faces in each representation f, relative to those between faces:

    $$ \frac{\sum_n \| f(x_n) - f(y_n) \|}{\sum_n \| f(x_n) - f(x_{n+1}) \|}, $$

    where $y_n$ is the twin of $x_n$, or $x_n$ shifted, and the face after the last is the first.
    0: f is the same for both. 1: they differ as much as two faces. So layers of different networks
    can be compared. Distances that are no more than `ROUNDING` of $\sum_n \| f(x_n) \|$ count as 0;
    where f is the same for all faces, the ratio is 0 or infinite.

    twins: `twins[kind][representation]`.
    shifts: `shifts[pixels][representation]`, shifted to the right.
    images: how many faces.
    """

    twins: dict[str, dict[str, float]]
    shifts: dict[int, dict[str, float]]
    images: int

    def scrambled(self) -> dict[str, float]:
        """By representation, the mean over the kinds of twins."""
        kinds = list(self.twins.values())
        return {name: mean(kind[name] for kind in kinds) for name in kinds[0]}


@torch.no_grad()
def measure_pooling(
    represent: Represent,
    faces: Float[Tensor, "N C H W"],
    twins: Mapping[str, Float[Tensor, "N C H W"]],
    *,
    pixels: Sequence[int] = PIXELS,
    batch_size: int = 50,
) -> PoolingMeasures:
    """Compare faces with their twins by kind, and with the faces shifted to the right by `pixels`,
    in what `represent` makes of images: `pools_and_layers(model)`, or another.

    Raises a `ValueError` for less than two faces.
    """
    if len(faces) < 2:
        raise ValueError(
            f"measure_pooling, faces: expected at least 2, since distances are relative to those "
            f"between faces; got {len(faces)}; draw some hundreds"
        )
    others: dict[str | None, Tensor] = {None: faces.roll(-1, 0), **twins}
    sums: dict[str | int | None, dict[str, float]] = {key: {} for key in (*others, *pixels)}
    sizes: dict[str, float] = {}
    for chosen in torch.arange(len(faces)).split(batch_size):
        here = faces[chosen]
        found = {name: _rows_of(x) for name, x in represent(here).items()}
        for name, x in found.items():
            sizes[name] = sizes.get(name, 0.0) + x.norm(dim=1).sum().item()
        for key in sums:
            there = shift(here, key, 0) if isinstance(key, int) else others[key][chosen]
            for name, moved in represent(there).items():
                apart = (_rows_of(moved) - found[name]).norm(dim=1).sum().item()
                sums[key][name] = sums[key].get(name, 0.0) + apart
    for apart in sums.values():
        apart.update({name: 0.0 for name, size in sizes.items() if apart[name] <= ROUNDING * size})
    between = sums[None]
    return PoolingMeasures(
        twins={kind: _relative(sums[kind], between) for kind in twins},
        shifts={number: _relative(sums[number], between) for number in pixels},
        images=len(faces),
    )


def pools(maps: Float[Tensor, "B C H W"]) -> dict[str, Tensor]:
    """The maps after 0 to 3 max-pools of 2x2, `[B, C, h, w]`, and after a pool of all of them.

    An odd row or column is pooled alone, so that nothing is dropped. The global pool keeps which
    features there are, and nothing of where.
    """
    found = [maps]
    for _ in POOLS[1:-1]:
        found.append(F.max_pool2d(found[-1], 2, ceil_mode=True))
    found.append(maps.amax((2, 3), keepdim=True))
    return dict(zip(POOLS, found, strict=True))


@torch.no_grad()
def pooled_pair(
    model: Model, face: Float[Tensor, "C H W"], twin: Float[Tensor, "C H W"]
) -> dict[str, Tensor]:
    """A face and its twin for a figure: the image `[2, H, W]` and, by POOLS, `[2, h, w]` of the
    channel whose map of the face varies most."""
    images = torch.stack([face, twin])
    device = next(model.parameters()).device
    first = next(iter(model.representations(images.to(device)).values()))
    maps = _as_maps(first, model).cpu()
    channel = int(maps[0].flatten(1).var(1).argmax())
    return {
        "image": images.mean(1),
        **{name: pooled[:, channel] for name, pooled in pools(maps).items()},
    }


def pools_and_layers(model: Model) -> Represent:
    """A function from images `[B, C, H, W]` to the model's first maps, as POOLS, and its layers.

    The pose of the predicted class is left out: poses of different classes have no distance. A
    `ValueError` for a model that does not begin with a convolution and ReLU is raised on use.
    """

    def represent(images: Tensor) -> dict[str, Tensor]:
        device = next(model.parameters()).device
        (_, first), *later = model.representations(images.to(device)).items()
        named = {name: layer for name, layer in later if name != POSE}
        return {**pools(_as_maps(first, model)), "image": images, **named}

    return represent


def _as_maps(first: Tensor, model: Model) -> Float[Tensor, "B C h w"]:
    """The first layer of a model, before anything is pooled."""
    if first.ndim != 4:
        raise ValueError(
            f"pools, model: expected one that begins with a convolution and ReLU; got "
            f"{model.name}, whose maps have orientations; take a capsnet, cnn or pooled_cnn"
        )
    return first


def _rows_of(x: Tensor) -> Float[Tensor, "B _"]:
    """In float64, on the CPU, since not every device has it."""
    return x.flatten(1).cpu().double()


def _relative(apart: Mapping[str, float], between: Mapping[str, float]) -> dict[str, float]:
    return {
        name: far / between[name] if between[name] else (inf if far else 0.0)
        for name, far in apart.items()
    }
