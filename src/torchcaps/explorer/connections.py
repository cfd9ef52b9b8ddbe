"""How many clients are served at once, and how long one may take to send what it wants."""

from __future__ import annotations

import asyncio
from typing import cast

from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

MOST_CONNECTIONS = 64
CROWDED = 48  # connections; those that are being closed still count for a moment
# Accepted in one turn of the event loop, before any of them can be closed again.
BACKLOG = 8
SECONDS_TO_SEND = 20.0


class Connection(H11Protocol):
    """A connection that is closed where its client lets the server wait: `SECONDS_TO_SEND` after it
    could have begun a request that is not there whole; earlier, the longest waiting first, where
    there are more than `CROWDED`.

    Clients that send nothing can therefore not keep others out, nor take all file descriptors.
    Where most are at work, uvicorn answers 503 (`limit_concurrency`).
    """

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        self._deadline: asyncio.TimerHandle | None = None
        self._wait()
        others = [each for each in cast("set[Connection]", self.connections) if each is not self]
        open_ones = [each for each in others if not each.transport.is_closing()]
        owing = [each for each in open_ones if each._owes()]
        if owing and len(open_ones) >= CROWDED:
            min(owing, key=lambda each: each._since).transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._stop_waiting()

    def on_response_complete(self) -> None:
        self._wait()  # before the next request, which may be there already
        super().on_response_complete()

    def _wait(self) -> None:
        self._stop_waiting()
        self._since = self.loop.time()
        self._deadline = self.loop.call_later(SECONDS_TO_SEND, self._lose_patience)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()

    def _lose_patience(self) -> None:
        if self._owes():
            self.transport.abort()
        else:
            self._wait()

    def _owes(self) -> bool:
        """Whether the client has to go on: to send a request, or to read an answer."""
        request = cast("RequestResponseCycle | None", self.cycle)
        if request is None or request.response_complete:
            return True
        return request.more_body or self.flow.write_paused
