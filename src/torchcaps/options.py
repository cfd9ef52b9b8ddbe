"""Checks of the options that models, recipes and datasets are built with."""

from collections.abc import Sequence
from difflib import get_close_matches

from torchcaps.quoting import quote


def check_sizes(where: str, **sizes: object) -> None:
    """Raise a `ValueError` for a size that is no whole number of at least 1."""
    for name, size in sizes.items():
        if isinstance(size, bool) or not isinstance(size, int) or size < 1:
            raise ValueError(
                f"{where}, {name}: expected a whole number, at least 1; got {quote(size)}; "
                f"give a larger {name}"
            )


def check_several(where: str, name: str, sizes: object, count: int) -> None:
    """Raise a `ValueError` unless `sizes` are `count` whole numbers of at least 1."""
    if not isinstance(sizes, list | tuple) or len(sizes) != count:
        raise ValueError(
            f"{where}, {name}: expected {count} whole numbers; got {quote(sizes)}; "
            f"write them as a list, one for each layer"
        )
    for size in sizes:
        check_sizes(where, **{name: size})


def check_choice(where: str, name: str, value: object, known: Sequence[str]) -> None:
    """Raise a `ValueError` that lists `known` and the nearest unless `value` is one of them."""
    if not isinstance(value, str) or value not in known:
        near = get_close_matches(value[:80], known, n=1) if isinstance(value, str) else []
        hint = f"did you mean {near[0]!r}?" if near else f"take {known[0]!r}, the usual one"
        raise ValueError(
            f"{where}, {name}: expected one of {', '.join(known)}; got {quote(value)}; {hint}"
        )
