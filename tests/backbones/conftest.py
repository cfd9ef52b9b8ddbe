"""Packages that are no dependencies: where they are not, the test is skipped with the reason; it
fails under `make test-backbones`, which installs them."""

import importlib
import os
from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture
def installed() -> Callable[[str, str], Any]:
    """`installed("timm", "create_model")`: what a package has, or a skipped test.

    A torchvision for another build of torch raises a `RuntimeError` on import, and the others
    import it.
    """

    def get(package: str, name: str) -> Any:
        try:
            return getattr(importlib.import_module(package), name)
        except (ImportError, RuntimeError) as error:
            if "REQUIRE_BACKBONES" in os.environ:
                raise
            pytest.skip(f"needs {package}: make test-backbones ({type(error).__name__}: {error})")

    return get
