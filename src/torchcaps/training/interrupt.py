"""Ctrl-C as a wish that is granted between two steps."""

import signal
import threading
from types import FrameType, TracebackType


class Interrupted(KeyboardInterrupt):
    """The run was stopped on request, its state saved."""


class StopRequest:
    """Within this region the first Ctrl-C only sets `eval_mode`; a second one stops at once."""

    asked = False

    def __enter__(self) -> "StopRequest":
        # Python delivers signals to the main thread alone; elsewhere there is nothing to catch.
        self._catches = threading.current_thread() is threading.main_thread()
        if self._catches:
            self._before = signal.signal(signal.SIGINT, self._ask)
        return self

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True

    def __exit__(
        self, kind: type[BaseException] | None, error: object, trace: TracebackType | None
    ) -> None:
        if self._catches:
            signal.signal(signal.SIGINT, self._before)
