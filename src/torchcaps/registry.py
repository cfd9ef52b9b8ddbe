"""Names to things: the one place where an unknown name meets the known ones.

Datasets, models, studies and routing backends each keep one `Registry`.
"""

from collections.abc import Callable, Iterator
from difflib import get_close_matches
from typing import Generic, NamedTuple, TypeVar

from torchcaps.quoting import quote

T = TypeVar("T")


class _Lazy(NamedTuple, Generic[T]):
    load: Callable[[], T]


class Registry(Generic[T]):
    """A table of things of one kind by name; an unknown name is a `ValueError` that lists all.

    >>> planets = Registry("planet")
    >>> planets.add("mars", about="the red one")(4)
    4
    >>> planets.about("mars")
    'the red one'
    >>> planets["mras"]
    Traceback (most recent call last):
        ...
    ValueError: unknown planet 'mras'; known: mars; did you mean 'mars'?
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._entries: dict[str, T | _Lazy[T]] = {}
        self._abouts: dict[str, str] = {}

    def add(self, name: str, about: str = "") -> Callable[[T], T]:
        """Decorator: enter what follows under `name`. A second entry of one name is an error."""

        def enter(entry: T) -> T:
            self._enter(name, about, entry)
            return entry

        return enter

    def add_lazy(self, name: str, about: str, load: Callable[[], T]) -> None:
        """Enter what `load` returns; it is called once, when the entry is first asked for."""
        self._enter(name, about, _Lazy(load))

    def about(self, name: str) -> str:
        """The line that describes an entry, which is not loaded for it."""
        self._require(name)
        return self._abouts.get(name, "")

    def __getitem__(self, name: str) -> T:
        self._require(name)
        entry = self._entries[name]
        if isinstance(entry, _Lazy):
            entry = self._entries[name] = entry.load()
        return entry  # pyright: ignore[reportReturnType] a cast cannot be traced by torch.compile

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def _enter(self, name: str, about: str, entry: T | _Lazy[T]) -> None:
        if name in self._entries:
            raise ValueError(f"{self.kind} {name!r} is registered already; choose another name")
        self._entries[name], self._abouts[name] = entry, about

    def _require(self, name: str) -> None:
        if not isinstance(name, str) or name not in self._entries:
            known = ", ".join(self._entries)
            near = get_close_matches(str(name)[:80], self._entries, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ValueError(f"unknown {self.kind} {quote(name)}; known: {known}{hint}")
