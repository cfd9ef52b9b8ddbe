"""What a linear reader tells of how a thing lies, from a layer's numbers."""

from dataclasses import dataclass
from statistics import mean

import torch
from torch import Tensor

from torchcaps.analysis.pose.pose_targets import PoseTargets
from torchcaps.analysis.representation.representations import layer_names, represent
from torchcaps.analysis.representation.ridge import (
    Ridge,
    Splits,
    chosen,
    class_rows,
    principal,
    variation,
)
from torchcaps.data import ImageDataset
from torchcaps.models import Model
from torchcaps.training.evaluation import label_for


@dataclass(frozen=True)
class Probed:
    """What was read of each quantity by name; all on images that nothing was fitted on.

    whole: R² from all numbers of the layer.
    equal: R² from the first `width` principal components of the layer, so that wide layers are
        compared with narrow ones.
    shuffled: as equal, the numbers handed to other images of the same class: the control, near 0.
    selectivity: see `selectivity`, of the layer's own numbers.
    numbers: how many the layer has.
    """

    whole: dict[str, float]
    equal: dict[str, float]
    shuffled: dict[str, float]
    selectivity: dict[str, float]
    numbers: int


def probe(x: Splits[Tensor], posed: Splits[PoseTargets], *, width: int, seed: int = 0) -> Probed:
    """Read the quantities of `posed` from the features `x [N, F]` of the same images.

    Every class has a reader of its own, since capsules have frames of their own, and principal
    components of its own. `seed` shuffles the control.
    """
    generator = torch.Generator().manual_seed(seed)
    y = Splits(*(torch.stack(list(part.quantities.values()), 1) for part in posed))
    rows = class_rows(Splits(*(part.labels for part in posed)), "probe, posed")
    pieces = [(chosen(x, each), chosen(y, each)) for each in rows]
    narrow = [(principal(inputs, width), targets) for inputs, targets in pieces]
    mixed = [(_shuffled(inputs, generator), targets) for inputs, targets in narrow]
    names = list(posed.test.quantities)
    picks = [selectivity(inputs, targets) for inputs, targets in pieces]
    return Probed(
        whole=dict(zip(names, probe_r2(pieces), strict=True)),
        equal=dict(zip(names, probe_r2(narrow), strict=True)),
        shuffled=dict(zip(names, probe_r2(mixed), strict=True)),
        selectivity=dict(zip(names, map(mean, zip(*picks, strict=True)), strict=True)),
        numbers=x.test.shape[1],
    )


def probe_r2(pieces: list[tuple[Splits[Tensor], Splits[Tensor]]]) -> list[float]:
    r"""R² of Q quantities, read by ridge regression from features, a reader for each piece:

    $$ R^2_q = 1 - \sum_n (y_{nq} - \hat y_{nq})^2 \Big/ \sum_n (y_{nq} - \bar y_q)^2 $$

    over the test images of all pieces, the mean being that of the piece. pieces: features
    `[N, F]` and targets `[N, Q]`. The penalty is chosen for each quantity by itself. Where a
    quantity does not vary there is nothing to explain: 0.

    Source: linear probes, Alain & Bengio 2016.
    """
    missed = spread = torch.zeros((), dtype=torch.float64)
    for inputs, targets in pieces:
        ridge, wanted = Ridge(inputs), targets.test.double()
        columns = range(wanted.shape[1])
        told = torch.cat(
            [ridge.predict(targets.train[:, [q]], targets.validation[:, [q]]) for q in columns], 1
        )
        missed = missed + (wanted - told).square().sum(0)
        spread = spread + variation(wanted)
    return torch.where(spread > 0, 1 - missed / spread, 0.0).tolist()


def selectivity(x: Splits[Tensor], y: Splits[Tensor]) -> list[float]:
    r"""Whether one number of a layer stands for a quantity, and no other does:

    $$ S_q = \max_d R^2_{dq} - \max_{d' \neq d} R^2_{d'q} $$

    $R^2_{dq}$ is that of the quantity read from the number d alone (a line fitted to the training
    part; measured on the test part; below 0 counts as 0). 1: one number says it all and no other
    any; 0: two say the same, or none says anything.

    Source: the separated attribute predictability (SAP) of Kumar, Sattigeri & Balakrishnan 2018.
    """
    x_mean, y_mean = x.train.double().mean(0), y.train.double().mean(0)
    centred = x.train.double() - x_mean
    slopes = centred.T @ (y.train.double() - y_mean)  # [F, Q]
    slopes /= centred.square().sum(0)[:, None].clamp_min(torch.finfo(slopes.dtype).tiny)
    along, wanted = x.test.double() - x_mean, y.test.double()
    told = y_mean + along[:, :, None] * slopes  # [M, F, Q]
    missed = (wanted[:, None] - told).square().sum(0)
    spread = variation(wanted)
    r2 = torch.where(spread > 0, 1 - missed / spread, 0.0).clamp_min(0)
    best = torch.cat([r2, torch.zeros_like(r2[:1])]).topk(2, dim=0).values
    return (best[0] - best[1]).tolist()


def measure_probes(model: Model, posed: Splits[PoseTargets], *, width: int) -> Probed:
    """`probe` of the layer that the scores are read from: the pose of the label's class, or the
    penultimate layer. Labels are matched to the model's classes by name: see `label_for`."""
    last = layer_names(model)[-1]
    parts = (
        represent(model, part.images, _labels_for(model, part), only=(last,))[last]
        for part in posed
    )
    return probe(Splits(*parts), posed, width=width)


def _labels_for(model: Model, part: PoseTargets) -> Tensor:
    blank = torch.zeros(len(part.labels), 1, 1, 1)  # only labels and their names are looked at
    named = ImageDataset(blank, part.labels, part.classes, name="posed")
    return label_for(model, named, "measure_probes").labels


def measure_pixels(posed: Splits[PoseTargets], *, width: int) -> Probed:
    """`probe` of the images themselves."""
    return probe(Splits(*(part.images.flatten(1) for part in posed)), posed, width=width)


def _shuffled(x: Splits[Tensor], generator: torch.Generator) -> Splits[Tensor]:
    """Every image gets the features of another of its part."""
    return Splits(*(part[torch.randperm(len(part), generator=generator)] for part in x))
