"""Ctrl-C, SIGTERM and SIGHUP as a request that is granted between two steps."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any

_ALL = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


class Interrupted(KeyboardInterrupt):
    """The run was stopped by a signal, its state saved."""

    def __init__(self, message: str = "", number: int = signal.SIGINT) -> None:
        super().__init__(message)
        self.number = number


def signal_of(stop: KeyboardInterrupt) -> int:
    """The signal that it came from: Python's own is Ctrl-C."""
    return getattr(stop, "number", signal.SIGINT)


class StopRequest:
    """Within this region the first signal only sets `asked`, to its number. A second Ctrl-C stops
    at once; a second SIGHUP does not, since a terminal that closes sends several."""

    asked = 0

    def __enter__(self) -> "StopRequest":
        self._before = _catch(_ALL, self._ask)
        return self

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self.asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.asked = self.asked or number

    def __exit__(
        self, kind: type[BaseException] | None, error: object, trace: TracebackType | None
    ) -> None:
        _restore(self._before)


def end_at_once(message: str) -> None:
    """From now on, outside the regions above and below, Ctrl-C ends the process with this line: for
    imports, some of which turn a `KeyboardInterrupt` into something else."""

    def end(number: int, frame: FrameType | None) -> None:
        os.write(2, f"{message}\n".encode())
        os._exit(128 + number)

    _catch([signal.SIGINT], end)


@contextmanager
def as_ctrl_c() -> Iterator[None]:
    """Within this region Ctrl-C, SIGTERM and SIGHUP raise `Interrupted`."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise Interrupted("", number)

    before = _catch(_ALL, stop)
    try:
        yield
    finally:
        _restore(before)


def _catch(numbers: list[int], handler: Callable[[int, FrameType | None], None]) -> dict[int, Any]:
    """Handle these signals, except those that are ignored (nohup); returns the old handlers."""
    # Python delivers signals to the main thread alone; elsewhere there is nothing to catch.
    if threading.current_thread() is not threading.main_thread():
        return {}
    heard = [number for number in numbers if signal.getsignal(number) != signal.SIG_IGN]
    return {number: signal.signal(number, handler) for number in heard}


def _restore(handlers: dict[int, Any]) -> None:
    for number, handler in handlers.items():
        signal.signal(number, handler)
