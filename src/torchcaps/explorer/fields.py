"""JSON from outside, taken apart value by value: nothing is used before it was checked."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Collection
from typing import Never

from torchcaps.explorer.refusal import Refused

_SHOWN = 40  # characters of a value that was refused


def parse_json(content: bytes, where: str) -> Fields:
    """The object that `content` holds; refused if it is anything else, or holds NaN or Infinity."""
    try:
        value = json.loads(content, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise Refused(
            f"{where}: expected a JSON object; got something that cannot be read as such; "
            "reload the page and try again"
        ) from None
    return Fields(value, where)


class Fields:
    """A JSON object; `where` names it in messages. Other keys are ignored."""

    def __init__(self, value: object, where: str) -> None:
        if not isinstance(value, dict):
            raise Refused(
                f"{where}: expected an object with named values; got {_say(value)}; "
                "write it as {...}"
            )
        self._values: dict[str, object] = value
        self._where = where

    def number(self, name: str, low: float, high: float, default: float | None = None) -> float:
        """A finite number from `low` to `high`; `default` where it is missing."""
        if default is not None and name not in self._values:
            return default
        return self._number(name, self._values.get(name), low, high)

    def whole(self, name: str, low: int, high: int, default: int | None = None) -> int:
        """A whole number from `low` to `high`; `default` where it is missing."""
        if default is not None and name not in self._values:
            return default
        value = self._values.get(name)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            self._refuse(name, f"a whole number from {low} to {high}", value)
        return value

    def text(self, name: str, known: Collection[str] | None = None) -> str:
        """A text; if there are `known` ones, one of them."""
        value = self._values.get(name)
        if not isinstance(value, str) or (known is not None and value not in known):
            self._refuse(name, f"one of {', '.join(known)}" if known else "a text", value)
        return value

    def numbers(self, name: str, count: int, low: float, high: float) -> list[float]:
        """A list of `count` finite numbers from `low` to `high`."""
        values = self._list(name, count, "numbers")
        return [self._number(f"{name}[{k}]", value, low, high) for k, value in enumerate(values)]

    def flags(self, name: str, count: int) -> list[bool]:
        """A list of `count` times true or false."""
        values = self._list(name, count, "times true or false")
        for value in values:
            if not isinstance(value, bool):
                self._refuse(name, f"a list of {count} times true or false", value)
        return [bool(value) for value in values]

    def fields(self, name: str, default: dict[str, object] | None = None) -> Fields:
        """An object within this one; `default` where it is missing."""
        return Fields(self._values.get(name, default), f"{self._where}, {name}")

    def several(self, name: str, count: int) -> list[Fields]:
        """A list of `count` objects."""
        values = self._list(name, count, "objects")
        return [Fields(value, f"{self._where}, {name}[{k}]") for k, value in enumerate(values)]

    def missing(self, name: str) -> bool:
        """Whether `name` is left out or null."""
        return self._values.get(name) is None

    def _list(self, name: str, count: int, kind: str) -> list[object]:
        value = self._values.get(name)
        if not isinstance(value, list) or len(value) != count:
            self._refuse(name, f"a list of {count} {kind}", value)
        return value

    def _number(self, name: str, value: object, low: float, high: float) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            self._refuse(name, "a number", value)
        # 1e999 is read as infinity, and whole numbers may be too large for a float.
        if not low <= value <= high or abs(value) > sys.float_info.max:
            within = "" if math.isinf(high) else f" from {low:g} to {high:g}"
            self._refuse(name, f"a finite number{within}", value)
        return float(value)

    def _refuse(self, name: str, expected: str, value: object) -> Never:
        raise Refused(
            f"{self._where}, {name}: expected {expected}; got {_say(value)}; choose another value"
        )


def _refuse_constant(name: str) -> Never:
    raise ValueError(f"{name} is no JSON")


def _say(value: object) -> str:
    """The value in few characters, none of them strange."""
    if value is None:
        return "nothing"
    if isinstance(value, list | dict):
        return f"a list of {len(value)}" if isinstance(value, list) else "an object"
    text = ascii(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
