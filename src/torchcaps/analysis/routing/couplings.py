"""Statistics of couplings: how uniform, how one-sided, how dependent on the image."""

from dataclasses import dataclass
from math import log

import torch
from jaxtyping import Float
from torch import Tensor

# Couplings closer to uniform than this share of 1/J are uniform but for rounding.
ROUNDING = 1e-6


@dataclass(frozen=True)
class CouplingStatistics:
    r"""The couplings $c_{nij}$ of all images n, children i and J parents after one iteration.

    entropy: the mean over n and i of $-\sum_j c_{nij} \log c_{nij} / \log J$; 1 is uniform, 0 is
        all to one parent.
    polarisation: the mean over n and i of $(\max_j c_{nij} - 1/J) / (1 - 1/J)$; 0 is uniform, 1 is
        all to one parent.
    dynamism: the variance of couplings across images over that of a shuffled control,

        $$ \sum_{ij} \big(\langle c^2 \rangle - \langle c \rangle^2\big) \Big/
           \sum_{ij} \big(\langle c^2 \rangle - 1/J^2\big),
           \quad \langle\cdot\rangle \text{ the mean over } n. $$

        The control has the same couplings, the parents shuffled anew for every image and child;
        its variance is known without a shuffle. 0: every image has the same couplings (a parse
        "tree" that never changes, as Mitterreiter et al. found). 1: averaged over all images, every
        child sends as much to one parent as to any other. Uniform couplings have 0.

    Sources: the questions of Paik et al. 2019 and Mitterreiter et al. 2023; the formulas are ours,
    since theirs are not scaled to a control.
    """

    entropy: float
    polarisation: float
    dynamism: float


class CouplingSums:
    """Adds up couplings batch by batch; keeps `[R, I, J]` numbers, however many the images."""

    def __init__(self) -> None:
        self.images = 0
        zero = torch.zeros((), dtype=torch.float64)
        self._entropy = self._largest = zero  # [R], summed over images and children
        self._total = zero  # [R, I, J], of the couplings as they are
        # Sums over images of c - 1/J and its square: nearly uniform couplings keep their digits.
        self._excess = self._squares = zero  # [R, I, J]

    def add(self, couplings: Float[Tensor, "R B I J"]) -> None:
        """Count the couplings of B more images. Statistics are those of their
        `shares`."""
        parents = couplings.shape[-1]
        if parents < 2:
            raise ValueError(
                f"CouplingSums, couplings: expected at least 2 parents to choose among; got "
                f"{parents}; take a model with more classes"
            )
        self.images += couplings.shape[1]
        self._total = self._total + _in_float64(couplings.sum(1))
        couplings = shares(couplings)
        excess = couplings - 1 / parents
        self._entropy = self._entropy + _in_float64(torch.special.entr(couplings).sum((1, 2, 3)))
        self._largest = self._largest + _in_float64(couplings.amax(-1).sum((1, 2)))
        self._excess = self._excess + _in_float64(excess.sum(1))
        self._squares = self._squares + _in_float64(excess.square().sum(1))

    def mean(self) -> Float[Tensor, "R I J"]:
        """The couplings of every iteration, averaged over the images."""
        return self._total / self.images

    def statistics(self) -> list[CouplingStatistics]:
        """Of every iteration."""
        mean = self._excess / self.images
        square = self._squares / self.images
        _, children, parents = mean.shape
        even, pairs = 1 / parents, self.images * children
        entropy = self._entropy / pairs / log(parents)
        polarisation = (self._largest / pairs - even) / (1 - even)
        control = square.mean((1, 2))
        varied = (square - mean.square()).clamp_min(0).mean((1, 2))
        dynamism = torch.where(control > (ROUNDING * even) ** 2, varied / control, 0.0)
        columns = zip(entropy.tolist(), polarisation.tolist(), dynamism.tolist(), strict=True)
        return [CouplingStatistics(*column) for column in columns]


def shares(couplings: Float[Tensor, "*N J"]) -> Float[Tensor, "*N J"]:
    """What each parent gets of all that a child sends, for routings whose couplings do not sum to
    one over the parents (`Algorithm.sums_over`): self-attention, which adds a prior, and cluster
    routing, where they sum to one over the children. A negative coupling counts as none; a child
    that sends nothing has no preference.

    >>> shares(torch.tensor([[1.0, 3.0, -2.0], [0.0, 0.0, 0.0]]))
    tensor([[0.2500, 0.7500, 0.0000],
            [0.3333, 0.3333, 0.3333]])
    """
    sent = couplings.clamp_min(0)
    total = sent.sum(-1, keepdim=True)
    return torch.where(total > 0, sent / total, 1 / couplings.shape[-1])


def _in_float64(sums: Tensor) -> Tensor:
    """On the CPU, since not every device has float64."""
    return sums.cpu().double()
