"""Fixtures that every floor's tests share."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from jaxtyping import config

BESIDE_CHECKOUT = Path(__file__).parents[2] / "shared" / "data"


# In CI a red run must be the change's fault, not the draw's; elsewhere new examples are looked for.
settings.register_profile("ci", derandomize=True, deadline=None)
if os.environ.get("CI"):
    settings.load_profile("ci")


def pytest_configure() -> None:
    """Find MNIST where development keeps it; elsewhere the tests that need it are skipped.

    A shell's background job starts with Ctrl-C ignored, nohup's with SIGHUP, and so would all
    that tests start.
    """
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if BESIDE_CHECKOUT.is_dir():
        os.environ.setdefault("TORCHCAPS_DATA", str(BESIDE_CHECKOUT))


@pytest.fixture
def unchecked() -> Iterator[None]:
    """Turn off the shape checks that only tests have, to reach the messages that users get."""
    config.update("jaxtyping_disable", True)
    yield
    config.update("jaxtyping_disable", False)
