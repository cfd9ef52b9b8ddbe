"""From scores to probabilities that mean what they say."""

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

BOUNDS = (0.01, 1000.0)


@torch.no_grad()
def calibration_gain(scores: Float[Tensor, "N J"], labels: Int[Tensor, " N"]) -> float:
    r"""The gain g for which `softmax(g * scores)` fits the labels best: the least of

    $$ -\frac1N \sum_n \sum_j q_{nj} \log \mathrm{softmax}_j (g\, s_n), $$

    with $q = 1 - \epsilon$ for the label and $\epsilon$ shared by the others, $\epsilon = 1/(N+2)$:
    where all N images are classified correctly, no finite gain would fit labels of probability 1.
    The loss is convex in g, so that its slope is halved to 0, within 0.01 to 1000, in float64.

    Raises a `ValueError` without images or with a single class: nothing can be fitted.

    Sources: temperature scaling, Guo et al. 2017; the smoothed labels, Platt 1999.
    """
    count, classes = scores.shape
    if count < 1 or classes < 2:
        raise ValueError(
            f"calibration_gain, scores: expected at least one image and two classes; got "
            f"{tuple(scores.shape)}; give the scores of the validation images"
        )
    s, epsilon = scores.double().cpu(), 1 / (count + 2)
    own = F.one_hot(labels.long().cpu(), classes).double()
    wanted = own * (1 - epsilon) + (1 - own) * (epsilon / (classes - 1))
    low, high = (torch.tensor(bound, dtype=torch.float64).log() for bound in BOUNDS)
    for _ in range(60):
        middle = (low + high) / 2
        slope = ((torch.softmax(middle.exp() * s, -1) - wanted) * s).sum()
        low, high = (low, middle) if slope > 0 else (middle, high)
    return float(((low + high) / 2).exp())
