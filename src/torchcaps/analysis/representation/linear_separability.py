"""Whether faces and scrambled faces are linearly separable in a representation."""

from collections.abc import Mapping
from statistics import mean

import torch
from jaxtyping import Float
from torch import Tensor

from torchcaps.analysis.representation.pooling import Represent
from torchcaps.analysis.representation.ridge import ROUNDING, Ridge, Splits


@torch.no_grad()
def measure_linear_separability(
    represent: Represent,
    faces: Float[Tensor, "N C H W"],
    twins: Mapping[str, Float[Tensor, "N C H W"]],
    *,
    batch_size: int = 50,
) -> dict[str, float]:
    """Percent of held-out faces and twins that a linear classifier of each representation gets
    right, the mean over the kinds of twins.

    The classifier is a ridge regression to 1 for a face and -1 for a twin. It is fitted on the
    first half of the faces and their twins, its penalty chosen on the next quarter, and tested on
    the last. 50: no better than guessing, as where a face and its twin are the same; 100: linearly
    separable. Unlike distances, it does not depend on how far faces are from each other. Holds the
    representations of all faces and of one kind of twins in memory.

    Raises a `ValueError` for less than 8 faces, or no twins.
    """
    count = len(faces)
    if count < 8 or not twins:
        raise ValueError(
            "measure_linear_separability, faces and twins: expected at least 8 faces, "
            f"to fit, choose and test on, and a kind of twins; got {count} and {len(twins)}; "
            "draw some hundreds"
        )
    half, last = count // 2, count * 3 // 4
    bounds = Splits(slice(0, half), slice(half, last), slice(last, count))
    of_faces = _all(represent, faces, batch_size)
    found: dict[str, list[float]] = {name: [] for name in of_faces}
    for images in twins.values():
        of_twins = _all(represent, images, batch_size)
        for name, here in of_faces.items():
            x = Splits(*(torch.cat([here[part], of_twins[name][part]]) for part in bounds))
            y = Splits(*(_sides(len(here[part])) for part in bounds))
            predicted = Ridge(x).predict(y.train, y.validation)
            # Where it predicts 0 but for rounding, a reader decides nothing: half is correct.
            side = torch.where(predicted.abs() > ROUNDING, predicted.sign(), 0.0)
            found[name].append(50 * (1 + (side * y.test).mean().item()))
    return {name: mean(shares) for name, shares in found.items()}


def _all(represent: Represent, images: Tensor, batch_size: int) -> dict[str, Float[Tensor, "N _"]]:
    batches = [represent(batch) for batch in images.split(batch_size)]
    return {name: torch.cat([b[name].flatten(1).cpu() for b in batches]) for name in batches[0]}


def _sides(count: int) -> Float[Tensor, "N 1"]:
    """1 for as many faces, then -1 for as many twins."""
    return torch.ones(2, count).mul_(torch.tensor([[1.0], [-1.0]])).reshape(-1, 1)
