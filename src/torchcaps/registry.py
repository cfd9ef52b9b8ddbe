"""Names to things: the one place where an unknown name meets the known ones.

Datasets, models, studies and routing backends each keep one `Registry`.
"""

from collections.abc import Callable, Iterator
from difflib import get_close_matches
from typing import Generic, TypeVar

T = TypeVar("T")


class Registry(Generic[T]):
    """A table of things of one kind by name; an unknown name is a `ValueError` that lists all.

    >>> planets = Registry("planet")
    >>> planets.add("mars")(4)
    4
    >>> planets["mras"]
    Traceback (most recent call last):
        ...
    ValueError: unknown planet 'mras'; known: mars; did you mean 'mars'?
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._entries: dict[str, T] = {}

    def add(self, name: str) -> Callable[[T], T]:
        """Decorator: enter what follows under `name`. A second entry of one name is an error."""

        def enter(entry: T) -> T:
            if name in self._entries:
                raise ValueError(f"{self.kind} {name!r} is registered already; choose another name")
            self._entries[name] = entry
            return entry

        return enter

    def __getitem__(self, name: str) -> T:
        if name not in self._entries:
            known = ", ".join(self._entries)
            near = get_close_matches(str(name), self._entries, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ValueError(f"unknown {self.kind} {name!r}; known: {known}{hint}")
        return self._entries[name]

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)
