"""The worst case over a grid of transforms."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from inspect import signature
from itertools import product
from statistics import mean

import torch
from jaxtyping import Bool
from torch import Tensor

from torchcaps.analysis.eval_mode import eval_mode
from torchcaps.analysis.metrics import spread
from torchcaps.data import ImageDataset, require_one_class
from torchcaps.data.transforms import affine
from torchcaps.models import Model
from torchcaps.training.evaluation import label_for

# Every combination of these, by the arguments of `data.transforms.affine`.
GRID: Mapping[str, Sequence[float]] = {
    "degrees": (-30.0, 0.0, 30.0),
    "dx": (-2.0, 0.0, 2.0),
    "dy": (-2.0, 0.0, 2.0),
}


@dataclass(frozen=True)
class SpatialAttack:
    """Accuracies in percent, each a list with one entry a seed.

    upright: on the images as they are.
    least: under the one transform, the same for all images, that is worst on average.
    everywhere: the share of images that are classified correctly under every transform of the grid,
        that is, if each image meets the transform that is worst for it.
    hardest: the transform of `least`, by the arguments of `affine`.
    """

    upright: list[float]
    least: list[float]
    everywhere: list[float]
    hardest: list[dict[str, float]]

    def mean(self) -> dict[str, float]:
        """Over seeds, by the name of the accuracy."""
        return {name: mean(values) for name, values in self._accuracies().items()}

    def sd(self) -> dict[str, float]:
        """Sample standard deviation over seeds; 0 where there is one."""
        return {name: spread(values) for name, values in self._accuracies().items()}

    def _accuracies(self) -> dict[str, list[float]]:
        return {"upright": self.upright, "least": self.least, "everywhere": self.everywhere}


def spatial_attack(
    models: Sequence[Model],
    dataset: ImageDataset,
    grid: Mapping[str, Sequence[float]] = GRID,
    *,
    batch_size: int = 250,
) -> SpatialAttack:
    """Test models (one a seed) on all of `dataset` under every combination of the grid's values.

    ValueError: a grid without values, or arguments that `affine` lacks.

    Source: the grid attack of Engstrom et al. 2019, "Exploring the landscape of spatial
    robustness". Their grid is finer, with shifts relative to the image's size.
    """
    _check(grid)
    moves = [dict(zip(grid, values, strict=True)) for values in product(*grid.values())]
    found = SpatialAttack([], [], [], [])
    for model in models:
        named = require_one_class(label_for(model, dataset, "spatial_attack"), "spatial_attack")
        correct = torch.stack([_correct(model, named, move, batch_size) for move in moves])
        shares = correct.double().mean(1).mul(100).tolist()
        found.upright.append(_correct(model, named, {}, batch_size).double().mean().item() * 100)
        found.least.append(min(shares))
        found.everywhere.append(100 * correct.all(0).double().mean().item())
        found.hardest.append(moves[shares.index(min(shares))])
    return found


def _check(grid: Mapping[str, Sequence[float]]) -> None:
    known = list(signature(affine).parameters)[1:]
    if not grid or not all(grid.values()) or not set(grid) <= set(known):
        raise ValueError(
            f"spatial_attack, grid: expected values for some of {', '.join(known)}; got "
            f"{dict(grid)}; give some, such as degrees=(-30, 0, 30)"
        )


@torch.no_grad()
def _correct(
    model: Model, dataset: ImageDataset, move: Mapping[str, float], batch_size: int
) -> Bool[Tensor, " N"]:
    """Whether each transformed image is classified correctly."""
    found = []
    with eval_mode(model) as device:
        for indices in torch.arange(len(dataset)).split(batch_size):
            images, labels = (part.to(device) for part in dataset.batch(indices))
            moved = affine(images, **move) if move else images
            found.append((model(moved).scores.argmax(-1) == labels).cpu())
    return torch.cat(found)
