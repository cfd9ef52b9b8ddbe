"""Weighted means and variances that add up over tiles without losing digits."""

from typing import NamedTuple

import torch
from torch import Tensor


class Moments(NamedTuple):
    r"""Of votes under weights `w`, for each parent:

    $$ m_j = \sum_i w_{ij},\quad \mu_j = \sum_i w_{ij} \hat u_{ij} / m_j,\quad
       S_j = \sum_i w_{ij} (\hat u_{ij} - \mu_j)^2 $$

    `mass [B, J, 1]`, `mean` and `scatter [B, J, D]`. Deviations are taken from the mean, so a small
    variance far from zero keeps its digits. Without mass the mean is 0.
    """

    mass: Tensor
    mean: Tensor
    scatter: Tensor

    @staticmethod
    def of(votes: Tensor, weights: Tensor, full: bool = False) -> "Moments":
        """Of `votes [B, I, J, D]` under `weights [B, I, J]`; `full`: with outer products in place
        of squares, `scatter [B, J, D, D]`."""
        mass = weights.sum(1).unsqueeze(-1)
        # In units of the mass, a constant: a gradient is never divided by a small mass twice.
        parts = over(weights, mass.detach().transpose(1, 2))
        mean = over(weighted(parts, votes), parts.sum(1).unsqueeze(-1))
        apart = deviations(votes, mean)
        if full:
            return Moments(mass, mean, torch.einsum("bij,bijd,bije->bjde", weights, apart, apart))
        return Moments(mass, mean, weighted(weights, apart.square()))

    def merge(self, other: "Moments") -> "Moments":
        """Of both sets of children together (Chan, Golub & LeVeque 1979)."""
        mass = self.mass + other.mass
        apart = other.mean - self.mean
        share = over(other.mass, mass)
        scatter = self.scatter + other.scatter + self.square(apart, self.mass * share)
        return Moments(mass, self.mean + apart * share, scatter)

    def share(self, whole: "Moments") -> "Moments":
        """What this tile adds to the moments of `whole`, a constant, to first order: the gradients
        of all shares together are those of the whole. (The scatter has no slope in the mean.)"""
        apart = self.mean - whole.mean
        scatter = self.scatter + self.square(apart, self.mass)
        return Moments(self.mass, over(self.mass * apart, whole.mass), scatter)

    def about(self, centre: Tensor) -> Tensor:
        """The scatter about another centre `[B, J, D]`."""
        return self.scatter + self.square(self.mean - centre, self.mass)

    def square(self, x: Tensor, factor: Tensor) -> Tensor:
        """`factor x^2`, of the scatter's kind: squares, or outer products."""
        if self.scatter.ndim == x.ndim:
            return factor * x.square()
        return (factor * x).unsqueeze(-1) * x.unsqueeze(-2)


def weighted(weights: Tensor, votes: Tensor) -> Tensor:
    """`sum_i w_ij votes_ij`: `[B, I, J], [B, I, J, D] -> [B, J, D]`."""
    return (weights.unsqueeze(-1) * votes).sum(1)


def agreement(votes: Tensor, poses: Tensor) -> Tensor:
    """`sum_d votes_ijd poses_jd`: `[B, I, J, D], [B, J, D] -> [B, I, J]`."""
    # On a CPU the gradient of the same by einsum, many small products, takes three times as long.
    return (votes * poses.unsqueeze(1)).sum(-1)


def deviations(votes: Tensor, centre: Tensor) -> Tensor:
    """`votes_ij - centre_j`: `[B, I, J, D], [B, J, D] -> [B, I, J, D]`."""
    return votes + (-centre).unsqueeze(1)  # so that no gradient as large as the votes is negated


def over(x: Tensor, mass: Tensor) -> Tensor:
    """`x / mass`, and 0 with gradient 0 where there is no mass, or so little that the quotient or
    its gradient would overflow."""
    number = torch.finfo(mass.dtype)
    there = mass > number.tiny / number.eps
    return torch.where(there, x, 0) / torch.where(there, mass, 1)
