"""Names that are imported on first use, so that help, lists and completion load no torch."""

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def imported(target: str) -> Any:
    """What `module:attribute` or `module` names.

    >>> imported("math:tau") == 2 * imported("math").pi
    True
    """
    module, _, attribute = target.partition(":")
    return getattr(import_module(module), attribute) if attribute else import_module(module)


def lazy_names(
    package: str, targets: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """`__getattr__` and `__dir__` of a package whose names are `targets`, see `imported`.

    The package repeats the imports under `if TYPE_CHECKING`, for editors and type checkers. No
    name may also be that of a module of the package: importing the module would hide the name.
    """

    def get(name: str) -> Any:
        if name not in targets:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = imported(targets[name])
        setattr(sys.modules[package], name, value)
        return value

    return get, lambda: sorted({*vars(sys.modules[package]), *targets})
