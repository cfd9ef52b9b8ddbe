"""Where the transforms of capsule layers start."""

from functools import cache

import torch
from torch import Tensor
from torch.nn import functional as F

from torchcaps.ops.routing import Algorithm, route_votes, votes

# What parents' lengths start at, in the middle of 0.5 to 0.75, and votes' where lengths are free.
LENGTH_OF_PARENTS, LENGTH_OF_VOTES = 0.62, 1.0
# Simulated images and, at most, children: with more, each vote is so small that agreement, and with
# it the length, no longer depends on their number.
IMAGES, CHILDREN = 4, 256
SMALLEST, LARGEST, STEP = 0.1, 4.0, 1.2


def even_std(
    algorithm: Algorithm, in_capsules: int, in_dim: int, out_capsules: int, out_dim: int
) -> float:
    r"""The standard deviation of transforms at which parents start with lengths near 0.62.

    Children of length 1/2 and normal transforms of deviation $\sigma$, spread evenly, give
    $\|s\| = \sigma \sqrt{I D} / 2J$. Agreement then lets it grow, the more so the more parents and
    iterations there are: the deviation is searched for on random children, without data. Where it
    cannot be reached (fewer children than parents, each of which agreement sends to one), the
    parents start as long as they can.
    """
    children = min(in_capsules, CHILDREN)
    search = _scale.__wrapped__ if algorithm.tensors() else _scale  # tensors are nobody's key
    scale = search(algorithm, children, in_dim, out_capsules, out_dim)
    return scale * 2 * out_capsules / max(in_capsules * out_dim, 1) ** 0.5


@cache
def _scale(
    algorithm: Algorithm, children: int, in_dim: int, out_capsules: int, out_dim: int
) -> float:
    """How much longer than 1 an evenly spread s has to start."""
    generator = torch.Generator().manual_seed(0)

    def normal(*size: int) -> Tensor:
        return torch.randn(size, generator=generator, device="cpu")

    u = F.normalize(normal(IMAGES, children, in_dim), dim=-1) / 2
    drawn = votes(u, normal(children, out_capsules, out_dim, in_dim))
    even = 2 * out_capsules / max(children * out_dim, 1) ** 0.5  # at which |s| = 1

    def length(scale: float) -> float:
        with torch.no_grad():
            return float(route_votes(algorithm, scale * even * drawn).activations.mean())

    # From small to large: beyond some scale few parents take all, and the mean falls again.
    scale, best = SMALLEST, SMALLEST
    while scale < LARGEST:
        scale *= STEP
        if length(scale) >= LENGTH_OF_PARENTS:
            below, best = scale / STEP, scale
            for _ in range(4):
                middle = (below * best) ** 0.5
                below, best = (
                    (below, middle) if length(middle) >= LENGTH_OF_PARENTS else (middle, best)
                )
            break
        if length(scale) > length(best):
            best = scale
    return best
