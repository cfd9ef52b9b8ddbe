"""What a way to route is: a predicate that may refuse, and a function that runs."""

from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor

from torchcaps.ops.routing.algorithm import Algorithm
from torchcaps.ops.routing.dynamic import Dynamic
from torchcaps.ops.routing.result import Capsules
from torchcaps.ops.routing.votes import matrix_votes, votes
from torchcaps.ops.routing.windows import Windows
from torchcaps.registry import Registry

TRANSFORMS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "dense": votes,
    "matrix": matrix_votes,
}


class Problem(NamedTuple):
    """What is to be routed: all that a backend needs to know before it says yes or no.

    `u [B, I, E]` children, `weight [T, J, ...]` their transforms (None: children are their own
    votes), `algorithm` with its parameters, `activations` and `mask [B, I]` of the children,
    `offset [I, 1 or J, D]` to add to votes, `transform`, a name in TRANSFORMS. With `windows`,
    `u [B, T, *positions, E]`, `activations` and `mask` are maps that these are cut from.
    """

    u: Tensor
    weight: Tensor | None
    algorithm: Algorithm
    activations: Tensor | None = None
    mask: Tensor | None = None
    offset: Tensor | None = None
    transform: str = "dense"
    windows: Windows | None = None

    def unfolded(self) -> "Problem":
        """The same without windows: every window is a row of children."""
        if self.windows is None:
            return self
        u, activations, mask = (
            None if x is None else self.windows.all_rows(x)
            for x in (self.u, self.activations, self.mask)
        )
        assert u is not None
        return self._replace(u=u, activations=activations, mask=mask, windows=None)

    @property
    def rows(self) -> int:
        """Images, or all their windows."""
        return self.u.shape[0] * (1 if self.windows is None else self.windows.positions)

    @property
    def children(self) -> int:
        """I."""
        return self.u.shape[1] * (1 if self.windows is None else len(self.windows.offsets))


class Backend(NamedTuple):
    """A way to route. Both predicates are pure and cheap."""

    refuses: Callable[[Problem], str | None]
    """None, or in a few words why this backend cannot route the problem."""
    run: Callable[[Problem], Capsules]
    suits: Callable[[Problem], bool] = lambda _: True
    """False where a plainer one is as fast: "auto" then passes this one by and says nothing."""


BACKENDS: Registry[Backend] = Registry("routing backend")


def plain_dynamic(problem: Problem) -> bool:
    """Whether this is dynamic routing of all children without prior logits, which has paths of its
    own."""
    _, weight, algorithm, _, mask, offset, transform, windows = problem
    rest = weight is None or transform != "dense"
    rest = rest or any(x is not None for x in (mask, offset, windows))
    return not rest and type(algorithm) is Dynamic and algorithm.prior is None


def agreement(problem: Problem) -> tuple[Tensor, Tensor, Dynamic]:
    """Children, transforms and algorithm of a problem that is `plain_dynamic`."""
    assert problem.weight is not None
    assert isinstance(problem.algorithm, Dynamic)
    return problem.u, problem.weight, problem.algorithm
