"""The contract of a routing algorithm: a fixed point over the parents."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, Literal, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from torchcaps.options import check_choice

# Tensors of the parents, [B, J, ...]: one, or a (nested) tuple of them.
Parents = Any


class Children(NamedTuple):
    """All children, or a tile of them: `votes [B, I, J, D]`, `activations [B, I]` (None where the
    caller has none), poses `u [B, I, E]` (None where votes came ready made)."""

    votes: Tensor
    activations: Tensor | None
    u: Tensor | None


@dataclass(frozen=True, kw_only=True)
class Algorithm(ABC):
    """A routing algorithm, written once, for any engine and any tile of the children.

    An engine runs

        state = start(zeros [B, J, D])
        `passes` times:  couplings  = softmax over J of agree(children, state, t), of each tile;
                                      or of its own, attend(children, state, t)
                         statistics = gather(children, couplings)       added up over the tiles
                         state      = update(statistics, state, t)
        poses, activations = finish(state)

    State and statistics are tensors of the parents, `[B, J, ...]`, or tuples of them; nothing else
    is ever summed over the children. Statistics are added, but for `Moments`, which are merged. A
    subclass is a frozen dataclass: its tensors are fields, named with
    their shapes by `shapes`, and those in `of_children` have a row for each child.
    """

    # A type checker around the constructor, as tests have it, could not be compiled.
    __no_type_check__: ClassVar[bool] = True

    iterations: int = 3
    of_children: ClassVar[tuple[str, ...]] = ()
    """Fields whose first axis is the children's (or 1: the same for all)."""
    needs: ClassVar[tuple[str, ...]] = ()
    """What it must be given beside votes: "activations", "u"."""
    one_pass: ClassVar[bool] = False
    """No agreement to iterate: `iterations` must be 1."""
    copies: ClassVar[int] = 5
    """About how many tensors like the votes a pass and its gradient hold at once."""
    choices: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """Of fields that are one of a few words: these."""
    votes_each: ClassVar[int] = 1
    """How many poses a vote holds, one after the other."""

    @property
    def passes(self) -> int:
        """How often the children are gone over."""
        return self.iterations

    @property
    def sums_over(self) -> Literal["parents", "children"] | None:
        """What couplings add up to 1 over; None where they need not."""
        return "parents"

    @classmethod
    def shapes(cls, children: int, parents: int, dim: int, child_dim: int) -> dict[str, Any]:
        """The shape of each tensor among the fields; `dim` is that of the parents' poses."""
        return {}

    @abstractmethod
    def start(self, zeros: Float[Tensor, "B J D"]) -> Parents:
        """The parents before any agreement."""

    @property
    def competes(self) -> bool:
        """Whether couplings are the softmax of `agree` over the parents, so that a child may also
        be divided among parents of several positions."""
        return type(self).agree is not Algorithm.agree

    @property
    def types_compete(self) -> bool:
        """Whether a child that is divided among the parents of several positions is divided among
        the parents of one, too."""
        return True

    def agree(self, children: Children, state: Parents, t: int) -> Float[Tensor, "B I J"] | None:
        """How well these children and the parents agree in pass t = 0, 1, ..., as logits; None
        before they do, where couplings are 1/J."""
        raise NotImplementedError(f"{type(self).__name__}: write agree, or attend")

    def attend(self, children: Children, state: Parents, t: int) -> Float[Tensor, "B I J"]:
        """Couplings of these children in pass t."""
        logits = self.agree(children, state, t)
        return uniform(children) if logits is None else logits.softmax(-1)

    @abstractmethod
    def gather(self, children: Children, couplings: Float[Tensor, "B I J"]) -> Parents:
        """What these children send to the parents."""

    @abstractmethod
    def update(self, statistics: Parents, state: Parents, t: int) -> Parents:
        """The parents after pass t."""

    @abstractmethod
    def finish(self, state: Parents) -> tuple[Float[Tensor, "B J D"], Float[Tensor, "B J"]]:
        """Poses and activations."""

    def show(self, couplings: Tensor) -> Float[Tensor, "B I J"]:
        """Couplings of all children as they are returned to whoever asks for them."""
        return couplings

    def tensors(self) -> dict[str, Tensor]:
        """The fields that are tensors."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if isinstance(value, Tensor)}

    def to(self, dtype: torch.dtype) -> "Algorithm":
        return replace(self, **{name: x.to(dtype) for name, x in self.tensors().items()})

    def check(self, children: int, parents: int, dim: int, child_dim: int | None) -> None:
        """Raise a `ValueError` where a field does not fit votes `[B, children, parents, dim]`."""
        who = type(self).__name__
        if type(self.iterations) is not int or self.iterations < 1:
            raise ValueError(
                f"{who}, iterations: expected a whole number, at least 1; "
                f"got {self.iterations!r}; 3 is the usual choice"
            )
        if self.one_pass and self.iterations != 1:
            raise ValueError(
                f"{who}, iterations: expected 1, as nothing is iterated; got {self.iterations}; "
                "leave it out"
            )
        for name, known in self.choices.items():
            check_choice(who, name, getattr(self, name), known)
        given = self.tensors()
        for name, shape in self.shapes(
            children, parents, dim // self.votes_each, child_dim or 0
        ).items():
            if name not in given:
                continue
            got = tuple(given[name].shape)
            common = name in self.of_children and got == (1, *shape[1:])
            unknown = child_dim is None and len(got) == len(shape) and 0 in shape
            if got != tuple(shape) and not common and not unknown:
                raise ValueError(
                    f"{who}, {name}: expected shape {tuple(shape)}; got {got}; "
                    "build it for this number and size of capsules"
                )


def uniform(children: Children) -> Float[Tensor, "B I J"]:
    """Couplings before any agreement, 1/J each."""
    shape = children.votes.shape[:3]
    return children.votes.new_full(shape, 1 / max(shape[2], 1))
