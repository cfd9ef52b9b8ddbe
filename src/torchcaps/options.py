"""The options that models, recipes, datasets and studies are built with: checks, and as words."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from difflib import get_close_matches
from math import isfinite
from numbers import Integral, Real
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from torchcaps.quoting import quote


def as_words(options: Any, *leave_out: str) -> list[str]:
    """The command line that sets what is not at its default in a dataclass of options."""
    usual, words = type(options)(), []
    for field in fields(options):
        value = getattr(options, field.name)
        if value != getattr(usual, field.name) and field.name not in leave_out:
            text = json.dumps(value) if isinstance(value, dict | tuple) else str(value)
            words += [f"--{field.name.replace('_', '-')}", text]
    return words


def check_sizes(where: str, **sizes: object) -> None:
    """Raise a `ValueError` for a size that is no whole number of at least 1."""
    for name, size in sizes.items():
        _check_size(where, name, size, 1)


def check_several(where: str, name: str, sizes: object, count: int, least: int = 1) -> None:
    """Raise a `ValueError` unless `sizes` are `count` whole numbers of at least `least`."""
    if not isinstance(sizes, list | tuple) or len(sizes) != count:
        raise ValueError(
            f"{where}, {name}: expected {count} whole numbers; got {quote(sizes)}; "
            f"write them as a list, one for each layer"
        )
    for size in sizes:
        _check_size(where, name, size, least)


def _check_size(where: str, name: str, size: object, least: int) -> None:
    if isinstance(size, bool) or not isinstance(size, int) or size < least:
        raise ValueError(
            f"{where}, {name}: expected a whole number, at least {least}; got {quote(size)}; "
            f"give a larger {name}"
        )


def check_choice(where: str, name: str, value: object, known: Sequence[str]) -> None:
    """Raise a `ValueError` that lists `known` and the nearest unless `value` is one of them."""
    if not isinstance(value, str) or value not in known:
        near = nearest(str(value), known)
        hint = f"did you mean {near!r}?" if near else f"take {known[0]!r}, the usual one"
        raise ValueError(
            f"{where}, {name}: expected one of {', '.join(known)}; got {quote(value)}; {hint}"
        )


def nearest(name: str, known: Sequence[str]) -> str | None:
    """The known name that is most like this one, in capitals or not.

    >>> nearest("sgd", ["Adam", "SGD"])
    'SGD'
    """
    folded = {each.casefold(): each for each in reversed(known)}
    near = get_close_matches(name[:80].casefold(), folded, n=1)
    return folded[near[0]] if near else None


def check_types(where: str, taker: Callable[..., object], values: Mapping[str, object]) -> None:
    """Raise a `ValueError` for a value of another type than `taker` (a function or a class) says
    its argument has. Names that it does not know are not looked at."""
    hints = get_type_hints(taker.__init__ if isinstance(taker, type) else taker)
    for name, value in values.items():
        if name in hints:
            check_type(where, name, value, hints[name])


def check_type(where: str, name: str, value: object, hint: Any) -> None:
    """Raise a `ValueError` for a value of another type than this."""
    if not _fits(value, hint):
        raise ValueError(
            f"{where}, {name}: expected {_words(hint)}; got {quote(value)}; "
            f"correct it, or leave {name} out"
        )


def _fits(value: object, hint: Any) -> bool:
    """Whether a value, perhaps of YAML or JSON (lists for tuples), has this type."""
    arguments, origin = get_args(hint), get_origin(hint)
    if origin in (Union, UnionType):
        return any(_fits(value, each) for each in arguments)
    if origin is Literal:
        return any(type(value) is type(each) and value == each for each in arguments)
    if hint is int:
        return isinstance(value, Integral) and not isinstance(value, bool)
    if hint is float:
        return isinstance(value, Real) and not isinstance(value, bool) and isfinite(value)
    if origin in (tuple, list, Sequence):
        fixed = origin is tuple and Ellipsis not in arguments
        if not isinstance(value, list | tuple) or (fixed and len(value) != len(arguments)):
            return False
        return all(map(_fits, value, arguments if fixed else arguments[:1] * len(value)))
    if origin is dict:
        return isinstance(value, dict) and all(isinstance(key, str) for key in value)
    return not isinstance(hint, type) or isinstance(value, hint)


_NAMES = {
    int: "a whole number", float: "a number", bool: "true or false", str: "a text",
    type(None): "null", dict: "options by name",
}  # fmt: skip


def _words(hint: Any) -> str:
    arguments, origin = get_args(hint), get_origin(hint)
    if origin in (Union, UnionType):
        return " or ".join(_words(each) for each in arguments)
    if origin is Literal:
        return f"one of {', '.join(map(str, arguments))}"
    if origin in (tuple, list, Sequence):
        count = f"{len(arguments)} values" if origin is tuple and Ellipsis not in arguments else ""
        return f"a list of {count}" if count else f"a list, each {_words(arguments[0])}"
    return _NAMES.get(origin or hint, getattr(hint, "__name__", str(hint)))
