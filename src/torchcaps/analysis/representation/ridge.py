"""Least squares that is judged on what it has not seen: training, validation and test apart."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor

T = TypeVar("T")
# Layers are computed in float32: a smaller change, as a share of the size, may be its rounding.
ROUNDING = 1e-5
# As shares of the greatest squared singular value of the inputs.
PENALTIES = tuple(10.0**k for k in range(-12, 3))


@dataclass(frozen=True)
class Splits(Generic[T]):
    """What is fitted on, what chooses the penalty, and what is measured on."""

    train: T
    validation: T
    test: T

    def __iter__(self) -> Iterator[T]:
        return iter((self.train, self.validation, self.test))


class Ridge:
    r"""Affine ridge regressions on the same inputs `x`, in float64:

    $$ \min_{A, b}\ \sum_n \| y_n - A x_n - b \|^2 + \lambda \|A\|^2
       \quad\text{over the training part.} $$

    $\lambda$ is the one of `PENALTIES` whose predictions of the validation part are the nearest;
    the test part decides nothing. With more features than training inputs, A lies in the span of
    these and is never written down: the dual form, by the eigenvectors of $x x^T$. It is the same
    regression. One decomposition serves every target and every penalty.

    Args:
        x: the inputs' parts, `[N, F]` each, N differing.

    Source: Hoerl & Kennard 1970; the dual form, Saunders, Gammerman & Vovk 1998.
    """

    def __init__(self, x: Splits[Tensor]) -> None:
        train = x.train.double()
        mean = train.mean(0)
        centred = train - mean
        if centred.shape[1] > len(centred):
            energy, self.u = torch.linalg.eigh(centred @ centred.T)
            self.energy = energy.clamp_min(0)
            self.seen, self.unseen = (
                (part.double() - mean) @ centred.T @ self.u for part in (x.validation, x.test)
            )
        else:
            self.u, s, vh = torch.linalg.svd(centred, full_matrices=False)
            self.energy = s.square()
            self.seen, self.unseen = (
                (part.double() - mean) @ vh.T * s for part in (x.validation, x.test)
            )

    def predict(
        self, y: Float[Tensor, "N Q"], validation: Float[Tensor, "V Q"]
    ) -> Float[Tensor, "M Q"]:
        """The test part's targets, from those of the training and of the validation part. One
        penalty for all Q."""
        y, validation = y.double(), validation.double()
        mean = y.mean(0)
        centred, wanted = y - mean, validation - mean
        # The greatest comes first, so that of equals the simplest map is taken.
        penalties = sorted(PENALTIES, reverse=True)
        missed = [(self._reach(self.seen, p) @ centred - wanted).square().sum() for p in penalties]
        best = penalties[int(torch.stack(missed).argmin())]
        return mean + self._reach(self.unseen, best) @ centred

    def _reach(self, along: Float[Tensor, "M r"], penalty: float) -> Float[Tensor, "M N"]:
        """How much each training target counts in each prediction."""
        damped = self.energy + penalty * self.energy.max().clamp_min(torch.finfo(along.dtype).tiny)
        return (along / damped) @ self.u.T


def class_rows(labels: Splits[Tensor], where: str) -> list[Splits[Tensor]]:
    """Where in each part the images of a class are, as masks, for every class of the test part."""
    found = []
    for label in labels.test.unique():
        rows = Splits(*(part == label for part in labels))
        if not all(part.any() for part in rows):
            raise ValueError(
                f"{where}: expected images of every class in every part; got none of class "
                f"{int(label)} to fit on or to choose by; take more images"
            )
        found.append(rows)
    return found


def chosen(x: Splits[Tensor], rows: Splits[Tensor]) -> Splits[Tensor]:
    """The rows of every part."""
    return Splits(*(part[where] for part, where in zip(x, rows, strict=True)))


def principal(x: Splits[Tensor], width: int) -> Splits[Tensor]:
    """The parts `[N, F]` along the `width` directions in which the training part varies most
    (principal components, of features as they are); unchanged where F is no more than that."""
    if x.train.shape[1] <= width:
        return x
    train = x.train.double()
    mean = train.mean(0)
    *_, vh = torch.linalg.svd(train - mean, full_matrices=False)
    return Splits(*((part.double() - mean) @ vh[:width].T for part in x))


def explained(y: Float[Tensor, "N *Q"], told: Float[Tensor, "N *Q"]) -> float:
    """R², the share of the variance of y that `told` explains, over all Q together. Below 0, the
    mean of y would have been a better guess. A constant y has no variance to explain: 0."""
    spread = variation(y).sum()
    return float(1 - (y - told).square().sum() / spread) if spread > 0 else 0.0


def variation(y: Float[Tensor, "N *Q"]) -> Float[Tensor, " *Q"]:
    """The squared distances of each column from its mean, added up; 0 for a column that is constant
    but for rounding."""
    spread = (y - y.mean(0)).square().sum(0)
    return torch.where(spread > len(y) * (ROUNDING * y.abs().amax(0)).square(), spread, 0.0)
