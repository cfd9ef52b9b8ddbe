"""How far runs with other seeds lie apart, and how well a number tells two kinds apart."""

from collections.abc import Sequence
from statistics import stdev

import torch
from jaxtyping import Float
from torch import Tensor


def spread(values: Sequence[float]) -> float:
    """Sample standard deviation over seeds; 0 where there is one.

    >>> spread([1.0, 2.0, 3.0]), spread([5.0])
    (1.0, 0.0)
    """
    return stdev(values) if len(values) > 1 else 0.0


def auroc(positives: Float[Tensor, " N"], negatives: Float[Tensor, " M"]) -> float:
    """Area under the ROC curve: the chance that a positive is above a negative, ties by half.

    1: every positive is above every negative; 0.5: no telling apart. Any growing function of the
    numbers has the same area, so that lengths and probabilities can be compared.

    >>> auroc(torch.tensor([2.0, 3.0]), torch.tensor([1.0, 2.0]))
    0.875
    """
    false, true = roc(positives, negatives)
    return torch.trapezoid(true, false).item()


def roc(
    positives: Float[Tensor, " N"], negatives: Float[Tensor, " M"]
) -> tuple[Float[Tensor, " K"], Float[Tensor, " K"]]:
    """Shares of the negatives and of the positives at or above each threshold, in float64, from
    (0, 0), where nothing is, to (1, 1).

    >>> false, true = roc(torch.tensor([2.0, 3.0]), torch.tensor([1.0, 2.0]))
    >>> list(zip(false.tolist(), true.tolist()))
    [(0.0, 0.0), (0.0, 0.5), (0.5, 1.0), (1.0, 1.0)]
    """
    from torchmetrics.functional.classification import binary_roc

    # Ranks from 0 to 1: what is outside, torchmetrics sends through a sigmoid, which makes ties.
    levels, ranks = torch.cat([positives, negatives]).unique(return_inverse=True)
    kinds = (torch.arange(len(ranks), device=ranks.device) < len(positives)).long()
    false, true, _ = binary_roc(ranks.double() / len(levels), kinds)
    # Its shares are in float32; those of whole numbers are known exactly.
    return _exact(false, len(negatives)), _exact(true, len(positives))


def _exact(shares: Tensor, count: int) -> Tensor:
    return (shares.double() * count).round() / count
