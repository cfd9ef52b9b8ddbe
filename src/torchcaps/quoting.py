"""Values and names as error messages show them: on one line, and cut where they are long."""

from collections.abc import Iterable
from reprlib import Repr
from unicodedata import category

_MOST = 80  # characters
_shortener = Repr()
_shortener.maxlevel, _shortener.maxlong = 3, _MOST
_shortener.maxstring = _shortener.maxother = _MOST


def quote(value: object) -> str:
    """`repr(value)` in at most 80 characters; of a nested or long value only the beginning is made.

    >>> quote("24x40"), len(quote([["x" * 100] * 100] * 100))
    ("'24x40'", 80)
    """
    return cut(_shortener.repr(value))


def one_line(text: object) -> str:
    """The text with blanks for line ends and other control characters, as names of files have them.

    >>> one_line("a" + chr(10) + "b.png: expected a picture")
    'a b.png: expected a picture'
    """
    return "".join(" " if category(c) == "Cc" else c for c in str(text))


def cut(text: object) -> str:
    """The text on one line, without characters that do not print, in at most 80 characters."""
    line = " ".join("".join(c if c.isprintable() else " " for c in str(text)[:1000]).split())
    return line if len(line) <= _MOST else f"{line[: _MOST - 3]}..."


def listed(names: Iterable[str]) -> str:
    """Names with commas; of many, the first and the number of the rest.

    >>> listed(["cat", "dog"]), listed(["a" * 60, "b" * 60, "c"])[60:]
    ('cat, dog', ' and 2 more')
    """
    whole = [cut(name) for name in names]
    count, length = 0, 0
    while count < len(whole) and (count == 0 or length + len(whole[count]) + 2 <= _MOST - 10):
        length += len(whole[count]) + 2
        count += 1
    rest = f" and {len(whole) - count:,} more" if count < len(whole) else ""
    return ", ".join(whole[:count]) + rest
