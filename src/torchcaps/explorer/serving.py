"""A free port, and the server on it until Ctrl-C."""

import errno
import socket
from collections.abc import Callable

import uvicorn

from torchcaps.explorer.connections import BACKLOG, MOST_CONNECTIONS, Connection
from torchcaps.explorer.guard import EVERY_ADDRESS
from torchcaps.explorer.server import make_app
from torchcaps.explorer.state import Explorer

_PORTS_TRIED = 100
_SECONDS_TO_END = 3  # that a request under way is given


def listen(host: str, port: int) -> socket.socket:
    """A socket on the first free port from `port` on; 0 takes any.

    Raises a `ValueError` for an address that is not this machine's, or no free port.
    """
    try:
        family = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)[0][0]
    except (OSError, UnicodeError):
        raise ValueError(
            f"explore, --host: expected an address of this machine; got {host!r}; "
            "leave it out for 127.0.0.1"
        ) from None
    for candidate in range(port, min(port + _PORTS_TRIED, 65536)):
        try:
            listening = socket.create_server((host, candidate), family=family)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise ValueError(
                    f"explore, --host and --port: expected an address that may be listened on; "
                    f"got {host} and {candidate} ({error.strerror}); leave them out"
                ) from None
        else:
            # Else the body of an answer waits 40 ms for its headers to be acknowledged: asyncio
            # leaves sockets that it did not make as they are. Those accepted inherit it.
            listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return listening
    raise ValueError(
        f"explore, --port: expected a free port within {_PORTS_TRIED} from {port} on; got none; "
        "name another, or 0 for any"
    )


def address(host: str, port: int) -> str:
    """What to open in a browser on this machine."""
    if host in EVERY_ADDRESS:
        host = "localhost"
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/"


def serve(
    explorer: Explorer, listening: socket.socket, host: str, ready: Callable[[], None]
) -> None:
    """Answer on this socket until Ctrl-C, which is raised again once all is closed. `ready` is
    called when the first question would be answered and Ctrl-C ends the server in order."""
    _Server(configuration(explorer, host), ready).run(sockets=[listening])


def configuration(explorer: Explorer, host: str) -> uvicorn.Config:
    """A server of the page with limits on what its clients take."""
    return uvicorn.Config(
        make_app(explorer, host),
        http=Connection,
        limit_concurrency=MOST_CONNECTIONS,
        backlog=BACKLOG,
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=_SECONDS_TO_END,
    )


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()
