"""Cutting a dataset into training, validation and test: seeded, disjoint, always the same."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

SPLITS = ("train", "validation", "test", "train+validation")


def permutation(count: int, seed: int) -> Tensor:
    """A fixed shuffle of 0..count-1.

    From numpy's `RandomState`, whose stream is frozen: the split stays the same when torch or
    numpy is upgraded.
    """
    return torch.from_numpy(np.random.RandomState(seed).permutation(count)).long()


def hold_out(count: int, held: int, seed: int) -> dict[str, Tensor]:
    """`held` random indices of 0..count-1 for validation, the rest for training."""
    order = permutation(count, seed)
    return _in_order(train=order[held:], validation=order[:held])


def held_of_training(count: int) -> tuple[int, int]:
    """For `stratified`: of a class of so many, 15 % are for validation, at least one if it has two;
    the test set is there already."""
    return min(count - 1, max(1, round(0.15 * count))), 0


def stratified(
    labels: Tensor, take: Callable[[int], tuple[int, int]], seed: int
) -> dict[str, Tensor]:
    """Cut every class by itself, so that each split has all of them.

    labels [N]; `take(n)` answers how many of a class of n images go to (validation, test).
    Returns the sorted indices of "train", "validation" and "test".
    """
    parts: dict[str, list[Tensor]] = {"train": [], "validation": [], "test": []}
    for label in labels.unique().tolist():
        members = (labels == label).nonzero().flatten()
        members = members[permutation(len(members), seed + label)]
        held, tested = take(len(members))
        parts["validation"].append(members[:held])
        parts["test"].append(members[held : held + tested])
        parts["train"].append(members[held + tested :])
    return _in_order(**{name: torch.cat(pieces) for name, pieces in parts.items()})


def _in_order(**parts: Tensor) -> dict[str, Tensor]:
    """The parts sorted, with "train+validation" added."""
    parts["train+validation"] = torch.cat([parts["train"], parts["validation"]])
    return {name: indices.sort().values for name, indices in parts.items()}
