"""Holding a run folder while a run is in it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from torchcaps.interrupt import Interrupted, StopRequest
from torchcaps.training.lock import locked
from torchcaps.training.processes import on_main, together


@contextmanager
def taken(folder: Path, remedy: str, prepare: Callable[[], object]) -> Iterator[StopRequest]:
    """Hold the folder's lock in this region, once the main process did `prepare` under it; signals
    are requests, which the region looks at. What stops it at once says `remedy`."""
    with StopRequest() as stop, together(remedy), ExitStack() as held:

        def take() -> None:
            held.enter_context(locked(folder))
            prepare()

        on_main(take)
        try:
            yield stop
        except KeyboardInterrupt as error:
            if isinstance(error, Interrupted):
                raise
            raise Interrupted(f"stopped at once; {remedy}") from None
