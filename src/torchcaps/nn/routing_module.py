"""The base of routing modules: an algorithm's parameters, its options, and where they start."""

import inspect
from collections.abc import Mapping
from dataclasses import MISSING, fields
from types import UnionType
from typing import Any, ClassVar, Literal, Union, cast, get_args, get_origin, get_type_hints

import torch
from torch import Tensor, nn

from torchcaps.nn.initial import CHILDREN, LENGTH_OF_VOTES, even_std
from torchcaps.ops.routing import Algorithm, Capsules
from torchcaps.ops.routing.scored import Scored
from torchcaps.options import check_choice, check_type

ScoreKind = Literal["lengths", "activations", "logits"]


class RoutingModule(nn.Module):
    """Base of all: parameters for the tensors of `algorithm_class` that `initial` names, each
    filled with its number; options are the algorithm's other fields.

    Args:
        in_capsules, in_dim, out_capsules, out_dim: I, E, J, D of the layer.
        options: fields of the algorithm, as `iterations`.

    A routing of one's own is a subclass: an `Algorithm`, the start of its parameters, and what the
    scores of a classifier are: "lengths" of the poses, "activations" in [0, 1], or "logits".
    """

    algorithm_class: ClassVar[type[Algorithm]]
    initial: ClassVar[Mapping[str, float]] = {}
    score_kind: ClassVar[ScoreKind] = "lengths"
    casts_votes: ClassVar[bool] = True
    """False where the children are their own votes and the layer has no transforms."""
    detach: bool = False
    """Whether gradients pass by the couplings (a white-box attack turns this off)."""

    def __init__(
        self, in_capsules: int, in_dim: int, out_capsules: int, out_dim: int, **options: Any
    ) -> None:
        super().__init__()
        self.check_options(options)
        self.options = options
        self.iterations: int = options.pop("iterations", self.algorithm_class.iterations)
        shapes = self.algorithm_class.shapes(in_capsules, out_capsules, out_dim, in_dim)
        for name, value in self.initial.items():
            self.register_parameter(name, nn.Parameter(torch.full(shapes[name], float(value))))

    @classmethod
    def known_options(cls) -> dict[str, Any]:
        """Names and types of its options: the constructor's and, where it passes others on, those
        of the algorithm's fields that are numbers, words or switches and need not be given."""
        taken = inspect.signature(cls).parameters.values()
        hints = get_type_hints(cls.__init__)
        known = {x.name: hints[x.name] for x in taken if x.kind is x.KEYWORD_ONLY}
        if any(x.kind is x.VAR_KEYWORD for x in taken):
            hints = get_type_hints(cls.algorithm_class.__init__)
            optional = [x.name for x in fields(cls.algorithm_class) if x.default is not MISSING]
            known |= {name: hints[name] for name in optional if _is_plain(hints[name])}
        return known

    @classmethod
    def check_options(cls, options: Mapping[str, Any]) -> None:
        """Raise a `ValueError` for an option that this routing does not have, or of another
        type."""
        known = cls.known_options()
        for name, value in options.items():
            check_choice(cls.__name__, "options", name, list(known))
            check_type(cls.__name__, name, value, known[name])

    def algorithm(self) -> Algorithm:
        """The algorithm with these parameters."""
        return self.algorithm_class(iterations=self.iterations, **self.fields())

    @property
    def per_child(self) -> bool:
        """Whether it has parameters for each child, so that their number is fixed."""
        own = [self.fields().get(name) for name in self.algorithm_class.of_children]
        return any(x is not None and len(x) > 1 for x in own)

    def fields(self) -> dict[str, Any]:
        """Its fields but for the iterations: options, parameters, buffers."""
        tensors = {name: x for name, x in self._parameters.items() if x is not None}
        return {**self.options, **tensors, **self._buffers}

    def initial_std(self, in_capsules: int, in_dim: int, out_capsules: int, out_dim: int) -> float:
        """The standard deviation at which transforms start: parents then have length 0.5 to 0.75
        where that says whether they are there, votes have length 1 elsewhere (taking children of
        length 1/2)."""
        if self.score_kind != "lengths":
            return 2 * LENGTH_OF_VOTES / out_dim**0.5
        shapes = self.algorithm_class.shapes(
            min(in_capsules, CHILDREN), out_capsules, out_dim, in_dim
        )
        # Those that may be left out and start at zero are; what is left is the same for all sizes.
        optional = {x.name for x in fields(self.algorithm_class) if x.default is None}
        started = {
            name: torch.full(shapes[name], float(value), device="cpu")
            for name, value in self.initial.items()
            if value or name not in optional
        }
        start = self.algorithm_class(iterations=self.iterations, **self.options, **started)
        return even_std(start, in_capsules, in_dim, out_capsules, out_dim)

    def scores(self, capsules: Capsules) -> Tensor:
        """What a classifier reads, `[B, J]`: lengths or activations, or the logits below them."""
        if self.score_kind != "logits":
            return capsules.activations
        return cast(Scored, self.algorithm()).logits(capsules.poses)

    def extra_repr(self) -> str:
        options = "".join(f", {key}={value}" for key, value in self.options.items())
        return f"iterations={self.iterations}{options}"


def _is_plain(hint: Any) -> bool:
    """Whether this is the type of a number, a word or a switch, or of none."""
    kinds = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    plain = int, float, bool, str, type(None)
    return all(kind in plain or get_origin(kind) is Literal for kind in kinds)
