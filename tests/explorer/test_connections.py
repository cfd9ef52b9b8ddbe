"""Hostile clients: connections that say nothing, or stop in the middle of a request."""

import asyncio
import contextlib
import threading

import pytest
import uvicorn

from torchcaps.explorer import connections, server
from torchcaps.explorer import serving as serving_module
from torchcaps.explorer.serving import configuration, listen

from .conftest import encode

GET = b"GET /api/training HTTP/1.1\r\nHost: localhost\r\n\r\n"
POST = (
    b"POST /api/picture?set=digits&ink=0 HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n"
)


@pytest.fixture
def serving(explorer):
    """serving(client): what the coroutine `client(open)` returns, which `open()`s connections to
    a server of its own."""

    def run(client):
        async def both():
            serve = uvicorn.Server(configuration(explorer, "127.0.0.1"))
            with listen("127.0.0.1", 0) as listening:
                task = asyncio.create_task(serve.serve([listening]))
                host, port = listening.getsockname()
                try:
                    return await asyncio.wait_for(
                        client(lambda: asyncio.open_connection(host, port)), 60
                    )
                finally:
                    serve.should_exit = True
                    await task

        return asyncio.run(both())

    return run


async def status(reader):
    """The status of the next answer, which is read whole; None where the server hung up."""
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
        head = await reader.readuntil(b"\r\n\r\n")
        length = head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0]
        await reader.readexactly(int(length))
        return int(head.split()[1])
    return None


async def ask(open, content=GET):
    reader, writer = await open()
    writer.write(content)
    return await status(reader)


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr(connections, "CROWDED", 4)
    monkeypatch.setattr(serving_module, "MOST_CONNECTIONS", 8)


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize(
    "said", [b"", GET[:-3], POST % 99, POST % 9 + b"half", GET], ids=lambda said: said[-9:]
)
def test_clients_that_wait_make_room_for_others(serving, said):
    async def client(open):
        idle = []
        for _ in range(30):
            reader, writer = await open()
            writer.write(said)
            idle.append((reader, writer))
            if said == GET:
                await status(reader)
        answers = [await ask(open) for _ in range(3)]
        ended = [reader for reader, _ in idle if reader.at_eof() or reader.exception()]
        return answers, len(ended)

    answers, ended = serving(client)
    assert answers == [200] * 3
    assert ended >= 20


@pytest.mark.parametrize(
    "said", [b"", GET[:-3], POST % 99, POST % 9 + b"half", GET + GET[:9]],
    ids=["nothing", "half a head", "a head", "half a body", "half a second head"],
)  # fmt: skip
def test_a_request_has_to_be_there_in_time(serving, monkeypatch, said):
    monkeypatch.setattr(connections, "SECONDS_TO_SEND", 0.3)

    async def client(open):
        reader, writer = await open()
        writer.write(said)
        first = await status(reader)
        return first, None if first is None else await status(reader)

    assert serving(client) in [(None, None), (200, None)]


def test_an_answer_may_take_longer_than_a_request(serving, monkeypatch):
    monkeypatch.setattr(connections, "SECONDS_TO_SEND", 0.1)
    go_on = threading.Event()
    monkeypatch.setattr(server, "read_picture", lambda *_, **__: {"waited": go_on.wait(30)})

    async def client(open):
        asking = asyncio.create_task(ask(open, POST % 1 + b"x"))
        await asyncio.sleep(0.5)
        assert not asking.done()
        go_on.set()
        return await asking

    assert serving(client) == 200


@pytest.mark.usefixtures("few")
def test_where_all_are_at_work_another_is_told_so(serving, monkeypatch):
    go_on = threading.Event()
    monkeypatch.setattr(server, "read_picture", lambda *_, **__: {"waited": go_on.wait(30)})

    async def client(open):
        asking = []
        for _ in range(7):
            asking.append(asyncio.create_task(ask(open, POST % 1 + b"x")))
            await asyncio.sleep(0.1)
        more = [await ask(open) for _ in range(3)]
        go_on.set()
        return more, await asyncio.gather(*asking), await ask(open)

    assert serving(client) == ([503] * 3, [200] * 7, 200)


def test_forty_uploads_at_once_are_decoded_two_by_two(serving, monkeypatch):
    at_once, most, lock, plain = 0, 0, threading.Lock(), server.read_picture

    def counted(*words, **named):
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        try:
            return plain(*words, **named)
        finally:
            with lock:
                at_once -= 1

    monkeypatch.setattr(server, "read_picture", counted)
    picture = encode([[(row * column) % 256 for column in range(600)] for row in range(600)])

    async def client(open):
        upload = POST % len(picture) + picture
        uploads = [asyncio.create_task(ask(open, upload)) for _ in range(40)]
        asked = [await ask(open) for _ in range(3)]
        return await asyncio.gather(*uploads), asked

    assert serving(client) == ([200] * 40, [200] * 3)
    assert most == 2
