"""The server: addresses to functions, mistakes to sentences."""

import mimetypes
from asyncio import Semaphore
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from torchcaps.data.faces_scene import FIGURES
from torchcaps.explorer.fields import Fields, parse_json
from torchcaps.explorer.figure import figure_json, new_figure
from torchcaps.explorer.guard import SAFE_HEADERS, Guard, read_body
from torchcaps.explorer.picture import read_picture
from torchcaps.explorer.python_code import python_code
from torchcaps.explorer.refusal import Refused
from torchcaps.explorer.requests import (
    Workspaces,
    read_decode,
    read_look,
    read_route,
    read_sweep,
    read_workspace,
)
from torchcaps.explorer.routing_view import routing
from torchcaps.explorer.state import Explorer
from torchcaps.explorer.views import decode, sweep, view

STATIC = Path(__file__).parent / "static"
_LARGEST_SEED = 2**31 - 1
_DECODED_AT_ONCE = 2  # pictures, of which each may take some hundred megabytes

Answer = dict[str, Any]


def make_app(explorer: Explorer, host: str = "127.0.0.1") -> Starlette:
    """The page and its API, for a server that listens on `host`."""
    mimetypes.add_type("text/javascript", ".js")  # some systems call it plain text
    workspaces = explorer.workspaces

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        explorer.close()

    routes: list[BaseRoute] = [
        _get("state", lambda _: explorer.as_json()),
        _get("training", lambda _: explorer.trainer.as_json()),
        _get("figure", _figure),
        _post("view", lambda fields: view(read_look(fields, workspaces))),
        _post("sweep", lambda fields: sweep(read_sweep(fields, workspaces))),
        _post("routing", lambda fields: routing(read_route(fields, workspaces))),
        _post("decode", lambda fields: decode(read_decode(fields, workspaces))),
        _post("python", lambda fields: {"code": python_code(read_look(fields, workspaces))}),
        _post("train", lambda fields: explorer.train(read_workspace(fields, workspaces).id)),
        _picture(workspaces),
        Mount("/", StaticFiles(directory=STATIC, html=True)),
    ]
    return Starlette(
        routes=routes,
        middleware=[Middleware(Guard, host=host)],
        lifespan=lifespan,
        exception_handlers={Refused: _refused, HTTPException: _http_error, Exception: _broken},
    )


def _get(name: str, answer: Callable[[Fields], Answer]) -> Route:
    """GET /api/NAME, its query as fields; answered in a thread."""

    async def endpoint(request: Request) -> Response:
        query = Fields(dict(request.query_params), name)
        return JSONResponse(await run_in_threadpool(answer, query))

    return Route(f"/api/{name}", endpoint, methods=["GET"])


def _post(name: str, answer: Callable[[Fields], Answer]) -> Route:
    """POST /api/NAME, its JSON as fields; answered in a thread, so that no other waits for it."""

    def work(body: bytes) -> Answer:
        return answer(parse_json(body, name))

    async def endpoint(request: Request) -> Response:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            raise Refused(
                f"{name}: expected Content-Type application/json; got "
                f"{ascii(kind[:40]) if kind else 'none'}; ask from the page",
                415,
            )
        return JSONResponse(await run_in_threadpool(work, await read_body(request)))

    return Route(f"/api/{name}", endpoint, methods=["POST"])


def _picture(workspaces: Workspaces) -> Route:
    """POST /api/picture?set=WORKSPACE&ink=0|1, the bytes of a file. Where others are decoded it
    waits, so that many uploads take no more memory than a few."""
    decoders = Semaphore(_DECODED_AT_ONCE)

    def work(query: Fields, content: bytes) -> Answer:
        drawn = query.text("ink", ["0", "1"]) == "1"
        return read_picture(content, read_workspace(query, workspaces), drawn=drawn)

    async def endpoint(request: Request) -> Response:
        query = Fields(dict(request.query_params), "picture")
        content = await read_body(request)
        async with decoders:
            return JSONResponse(await run_in_threadpool(work, query, content))

    return Route("/api/picture", endpoint, methods=["POST"])


def _figure(query: Fields) -> Answer:
    name = query.text("figure", list(FIGURES))
    seed = query.text("seed")
    if not (seed.isascii() and seed.isdecimal() and len(seed) < 11 and int(seed) <= _LARGEST_SEED):
        raise Refused(f"figure, seed: expected a whole number from 0 to {_LARGEST_SEED}; try 0")
    return figure_json(new_figure(name, int(seed)))


def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return JSONResponse({"error": str(error)}, error.status)


def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    message = f"{request.method} {request.url.path}: {error.detail.lower()}; reload the page"
    return JSONResponse({"error": message}, error.status_code, error.headers)


def _broken(request: Request, error: Exception) -> Response:
    """Starlette sends this past the guard, then raises the error again for uvicorn's log."""
    message = "the server made a mistake, which its log shows; try something else"
    return JSONResponse({"error": message}, 500, {**SAFE_HEADERS, "Cache-Control": "no-store"})
