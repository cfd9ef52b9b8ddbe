"""What a routing path is: a predicate that may refuse, and a function that runs."""

from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor

from torchcaps.registry import Registry


class Problem(NamedTuple):
    """What is to be routed: all that a path needs to know before it says yes or no."""

    u: Tensor
    weight: Tensor
    iterations: int
    bias: Tensor | None
    leaky: bool
    detach: bool


class Backend(NamedTuple):
    """A way to route. Both predicates are pure and cheap."""

    refuses: Callable[[Problem], str | None]
    """None, or in a few words why this path cannot route the problem."""
    run: Callable[[Problem], Tensor]
    suits: Callable[[Problem], bool] = lambda _: True
    """False where a plainer path is as fast: "auto" then passes this one by and says nothing."""


BACKENDS: Registry[Backend] = Registry("routing backend")
