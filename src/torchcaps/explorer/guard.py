"""Who may ask: a page that this server sent, and nobody else; how long a body may be."""

import ipaddress
import re

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from torchcaps.explorer.refusal import Refused

MAX_BODY = 5_000_000
LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]"})
EVERY_ADDRESS = ("0.0.0.0", "::")
SAFE_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; "
        "object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def is_loopback(host: str) -> bool:
    """Whether nobody but this machine can reach a server that listens on `host`."""
    return host == "localhost" or (_is_address(host) and ipaddress.ip_address(host).is_loopback)


class Guard:
    """Turns requests away whose Host is not this server's (a name that was rebound to this
    machine) or whose Origin is another site's, and puts safe headers on every answer.

    Of a server that listens on every address, any address is a good Host: rebinding needs a name.
    """

    def __init__(self, app: ASGIApp, host: str) -> None:
        self.app = app
        self.names = LOOPBACK | {f"[{host}]" if ":" in host else host.lower()}
        self.every_address = host in EVERY_ADDRESS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        api = scope["path"].startswith("/api/")

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(SAFE_HEADERS)
                headers["Cache-Control"] = "no-store" if api else "no-cache"
            await send(message)

        refusal = self._refusal(scope)
        await (refusal or self.app)(scope, receive, send_safely)

    def _refusal(self, scope: Scope) -> JSONResponse | None:
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not self._ours(hosts[0]):
            return _error(400, "this server answers to its own address alone; open that one")
        origins = headers.getlist("origin") if scope["method"] != "GET" else []
        if any(origin not in (f"http://{hosts[0]}", f"https://{hosts[0]}") for origin in origins):
            return _error(403, "another site may not ask this server; open its own page")
        return None

    def _ours(self, host: str) -> bool:
        match = re.fullmatch(r"(\[[0-9a-f:.]+\]|[^:\[\]]+)(:\d+)?", host.lower())
        if match is None:
            return False
        name = match[1]
        return name in self.names or (self.every_address and _is_address(name.strip("[]")))


async def read_body(request: Request) -> bytes:
    """The body, refused as soon as it is known to be too long, whatever its length says."""
    announced = request.headers.get("content-length", "0")
    if not announced.isdecimal() or int(announced) > MAX_BODY:
        raise _too_long()
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BODY:
                raise _too_long()
    except ClientDisconnect:
        raise Refused("expected the whole request; got a part of it; send it again") from None
    return bytes(body)


def _too_long() -> Refused:
    return Refused(
        f"expected at most {MAX_BODY // 1_000_000} MB; got more; take a smaller picture", 413
    )


def _error(status: int, message: str) -> JSONResponse:
    return JSONResponse({"error": message}, status)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
