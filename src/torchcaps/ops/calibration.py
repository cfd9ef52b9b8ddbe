"""From scores to probabilities that mean what they say."""

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

BOUNDS = (0.01, 1000.0)


def calibration_line(
    scores: Float[Tensor, "N J"], targets: Int[Tensor, "N J"]
) -> tuple[float, float]:
    r"""The gain g and offset b for which `sigmoid(g * scores - b)` fits the targets best, all
    classes alike: the least of

    $$ -\sum_{nj} q_{nj} \log p_{nj} + (1 - q_{nj}) \log (1 - p_{nj}), \quad
       q = \frac{N_+ + 1}{N_+ + 2} \text{ or } \frac{1}{N_- + 2} $$

    for the N+ targets of 1 and the N- of 0. It is convex; found by Newton's steps in float64, g at
    least 0.01, so that the order of the scores is kept.

    Source: Platt 1999.
    """
    s, t = scores.double().cpu().flatten(), targets.double().cpu().flatten()
    present, absent = float(t.sum()), float((1 - t).sum())
    q = t * (present + 1) / (present + 2) + (1 - t) / (absent + 2)
    centre = s.mean()
    x = torch.stack([s - centre, -torch.ones_like(s)])  # [2, N * J]
    line = torch.zeros(2, dtype=torch.float64)

    def loss(line: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(line @ x, q)

    for _ in range(100):
        p = (line @ x).sigmoid()
        slope = x @ (p - q) / len(s)
        curvature = (x * (p * (1 - p)).clamp_min(1e-12)) @ x.T / len(s)
        step = torch.linalg.solve(curvature + 1e-12 * torch.eye(2, dtype=torch.float64), slope)
        while step.norm() > 1e-12 and loss(line - step) > loss(line):
            step = step / 2
        line = line - step
        if step.norm() <= 1e-10 * (1 + line.norm()):
            break
    gain = min(max(float(line[0]), BOUNDS[0]), BOUNDS[1])
    return gain, float(line[1]) + gain * float(centre)


def best_thresholds(
    probabilities: Float[Tensor, "N J"], targets: Int[Tensor, "N J"]
) -> list[float]:
    r"""Of each class the probability from which on to call it present, so that
    $F_1 = 2 TP / (2 TP + FP + FN)$ is highest: halfway between two neighbours, and 0.5 for a class
    that no image has."""
    found = []
    for p, t in zip(probabilities.double().T, targets.double().T, strict=True):
        if not t.any():
            found.append(0.5)
            continue
        p, order = p.sort(descending=True)
        hits = t[order].cumsum(0)
        f1 = 2 * hits / (torch.arange(1, len(p) + 1) + t.sum())
        last = torch.cat([p[1:] < p[:-1], torch.ones(1, dtype=torch.bool)])  # of its equals
        cut = int(f1.masked_fill(~last, -1).argmax())
        below = p[cut + 1] if cut + 1 < len(p) else torch.zeros(())
        found.append(float((p[cut] + below) / 2))
    return found


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
