"""YAML of plain values, read without surprises: no references, no objects, no imports."""

from typing import Any

import yaml

_DEEPEST = 50


def read_plain(text: str, where: str) -> Any:
    """What a YAML text of values, lists and mappings says; a `ValueError` as of `check_plain`, or
    where it is no YAML."""
    check_plain(text, where)
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        place = "" if mark is None else f" in line {mark.line + 1}"
        raise ValueError(
            f"{where}: expected YAML; got {type(error).__name__}{place}; correct it there, or "
            "write the file anew from --print-config"
        ) from None


def check_plain(text: str, where: str) -> None:
    """Raise a `ValueError` for what a configuration never needs, before any value is built:
    anchors and aliases (a few lines of them stand for gigabytes), `class_path` (which stands for
    an import), and nesting without end. Text that is no YAML passes."""
    depth = 0
    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
                raise _refusal(where, "an anchor or alias (& or *)", "write the value out")
            if isinstance(event, yaml.ScalarEvent) and event.value == "class_path":
                raise _refusal(where, "class_path", "configurations never import code")
            if depth > _DEEPEST:
                raise _refusal(where, f"nesting deeper than {_DEEPEST}", "write it flat")
    except (yaml.YAMLError, RecursionError):
        return


def _refusal(where: str, got: str, remedy: str) -> ValueError:
    return ValueError(f"{where}: expected YAML of plain values; got {got}; {remedy}")
