"""Does a linear map tell how a layer changes when its image is moved?"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from torchcaps.analysis.representation.representations import represent
from torchcaps.analysis.representation.ridge import (
    ROUNDING,
    Ridge,
    Splits,
    chosen,
    class_rows,
    explained,
)
from torchcaps.data import ImageDataset, require_one_class
from torchcaps.data.transforms import affine
from torchcaps.models import Model
from torchcaps.models.model import POSE
from torchcaps.training.evaluation import label_for


@dataclass(frozen=True)
class LinearEquivariance:
    r"""How a layer f takes a transform g, on images that nothing was fitted on.

    error: $\| f(g x) - \rho(g) f(x) \| / \| f(g x) - f(x) \|$ over all images: the share of the
        change that the map misses. 0: a linear map tells the change. 1: it tells nothing. Where
        nothing changes but for rounding, nothing is missed: 0.
    r2: $1 - \| f(g x) - \rho(g) f(x) \|^2 / \| f(g x) - \overline{f(g x)} \|^2$; 1 where nothing
        is missed, else 0 where f(g x) is the same for all x.
    change: $\| f(g x) - f(x) \| / \| f(x) - \overline{f(x)} \|$: 0 is an invariant layer; 1, one
        that g changes as much as images differ.
    lengths: the mean of $| \|f(g x)\| - \|f(x)\| |$ over that of $\|f(x)\|$.
    numbers: how many the layer has. The more, the more there is for a map to tell from.
    """

    error: float
    r2: float
    change: float
    lengths: float
    numbers: int


class LinearEquivarianceFit:
    r"""Fits $\rho(g)$ to one layer: `before` holds f(x) `[N, features]` of three sets of images.

    $\rho(g) v = A v + b$ is affine and of full size, fitted by ridge least squares on pairs
    (f(x), f(g x)) of the training images, for each g anew. The penalty is on $A - 1$: what the
    images leave open stays as it was, so that a layer with more features than images is not
    charged for it. See `Ridge` for how the penalty is chosen and for many features.

    labels: of the images, to fit a map for each class by itself; None fits one for all.

    A small error says that the change is a linear function of the layer, no more: that of pixels
    turned by interpolation is one.

    Source: Lenc & Vedaldi 2015 fit affine maps between layers; the ratio is that of
    `analysis.equivariance`, which has $\rho$ given.
    """

    def __init__(self, before: Splits[Tensor], labels: Splits[Tensor] | None = None) -> None:
        self.before = before
        everywhere = Splits(*(torch.ones(len(part), dtype=torch.bool) for part in before))
        self.rows = (
            [everywhere] if labels is None else class_rows(labels, "LinearEquivarianceFit, labels")
        )
        self.ridges = [Ridge(chosen(before, rows)) for rows in self.rows]

    def measure(self, after: Splits[Tensor]) -> LinearEquivariance:
        """`after` holds f(g x) of the same images in the same order."""
        x, y = self.before.test.double(), after.test.double()
        moved = y - x
        missed = moved.clone()
        for rows, ridge in zip(self.rows, self.ridges, strict=True):
            old, new = chosen(self.before, rows), chosen(after, rows)
            missed[rows.test] -= ridge.predict(
                new.train.double() - old.train, new.validation.double() - old.validation
            )
        nothing = ROUNDING * float(x.norm())
        still = float(moved.norm()) <= nothing
        exact = float(missed.norm()) <= nothing
        longer = y.norm(dim=1) - x.norm(dim=1)
        return LinearEquivariance(
            error=0.0 if still else float(missed.norm() / moved.norm()),
            r2=1.0 if exact else explained(y, y - missed),
            change=0.0 if still else float(moved.norm() / (x - x.mean(0)).norm()),
            lengths=0.0 if still else float(longer.abs().sum() / x.norm(dim=1).sum()),
            numbers=x.shape[1],
        )


def measure_linear_equivariance(
    model: Model,
    datasets: Splits[ImageDataset],
    transforms: Mapping[str, Mapping[str, float]],
    *,
    each: Callable[[], object] = lambda: None,
) -> dict[str, dict[str, LinearEquivariance]]:
    """`[layer][transform]` of every layer that `representations.layers` names.

    transforms: by name, the arguments of `data.transforms.affine`. The pose of the class is that
    of the label, before and after, and has a map for each class: each is another capsule, with a
    frame of its own. `each` is called after every transform, for whoever shows
    progress.
    """
    where = "measure_linear_equivariance"
    datasets = Splits(
        *(require_one_class(label_for(model, part, where), where) for part in datasets)
    )
    before = _represent(model, datasets, {})
    labels = Splits(*(dataset.labels for dataset in datasets))
    fits = {
        layer: LinearEquivarianceFit(parts, labels if layer == POSE else None)
        for layer, parts in before.items()
    }
    found: dict[str, dict[str, LinearEquivariance]] = {layer: {} for layer in before}
    for name, moves in transforms.items():
        for layer, after in _represent(model, datasets, moves).items():
            found[layer][name] = fits[layer].measure(after)
        each()
    return found


def _represent(
    model: Model, datasets: Splits[ImageDataset], moves: Mapping[str, float]
) -> dict[str, Splits[Tensor]]:
    """Every layer of the moved images, by name."""
    parts = []
    for dataset in datasets:
        images, labels = dataset.batch(range(len(dataset)))
        parts.append(represent(model, affine(images, **moves) if moves else images, labels))
    return {layer: Splits(*(part[layer] for part in parts)) for layer in parts[0]}
