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
    """A way to route. `refuses` is pure: None, or the reason in a few words."""

    refuses: Callable[[Problem], str | None]
    run: Callable[[Problem], Tensor]


BACKENDS: Registry[Backend] = Registry("routing backend")
