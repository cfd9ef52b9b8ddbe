"""Who may ask, how much, and what stands on every answer."""

import asyncio
import json

import pytest
from starlette.testclient import TestClient

from torchcaps.explorer.guard import MAX_BODY, is_loopback
from torchcaps.explorer.server import make_app

OURS = ["127.0.0.1", "127.0.0.1:8765", "localhost:1", "LOCALHOST", "[::1]:80"]
FOREIGN = [
    "evil.example", "127.0.0.1.evil.example", "127.0.0.1@evil.example", "localhost.evil.example:80",
    "192.168.0.7", "", "::1", "127.0.0.1:80:80", "127.0.0.1/", "2130706433",
]  # fmt: skip


@pytest.mark.parametrize("host", OURS)
def test_this_machines_names_are_answered(client, host):
    assert client.get("/api/state", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("host", FOREIGN)
@pytest.mark.parametrize("path", ["/", "/api/state"])
def test_a_name_that_was_rebound_to_this_machine_is_refused(client, host, path):
    response = client.get(path, headers={"Host": host})
    assert response.status_code == 400
    assert "its own address" in response.json()["error"]


def test_two_hosts_are_none(client):
    headers = [("Host", "127.0.0.1"), ("Host", "127.0.0.1")]
    request = client.build_request("GET", "/api/state")
    request.headers = type(request.headers)(headers)
    assert client.send(request).status_code == 400


@pytest.mark.parametrize(
    ("listening", "good", "bad"),
    [
        ("192.168.0.7", ["192.168.0.7:8765", "localhost"], ["192.168.0.8", "box.example"]),
        ("box.example", ["box.example:8765", "BOX.example"], ["192.168.0.7"]),
        ("0.0.0.0", ["192.168.0.7:8765", "[fe80::1]"], ["box.example"]),
        ("::", ["[fe80::1]:8765", "10.0.0.1"], ["box.example"]),
        ("fe80::1", ["[fe80::1]:1"], ["[fe80::2]"]),
    ],
)
def test_other_addresses_to_listen_on(explorer, listening, good, bad):
    client = TestClient(make_app(explorer, listening), base_url="http://127.0.0.1")
    for host in good:
        assert client.get("/api/training", headers={"Host": host}).status_code == 200, host
    for host in bad:
        assert client.get("/api/training", headers={"Host": host}).status_code == 400, host


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "null",
        "http://127.0.0.1",
        "http://127.0.0.1:9",
        "http://localhost:8765",
    ],
)
def test_another_sites_page_may_not_ask(client, origin):
    body = {"set": "digits", "source": {"kind": "test", "index": 0}}
    response = client.post("/api/view", json=body, headers={"Origin": origin})
    assert response.status_code == 403
    assert "another site" in response.json()["error"]
    picture = client.post("/api/picture?set=digits&ink=0", headers={"Origin": origin})
    assert picture.status_code == 403


@pytest.mark.parametrize("origin", ["http://127.0.0.1:8765", "https://127.0.0.1:8765"])
def test_its_own_page_may_ask(client, origin):
    body = {"set": "digits", "source": {"kind": "test", "index": 0}}
    assert client.post("/api/view", json=body, headers={"Origin": origin}).status_code == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/"), ("GET", "/api/state"), ("GET", "/nowhere"), ("POST", "/api/view"),
     ("DELETE", "/api/view"), ("GET", "/api/nowhere")],
)  # fmt: skip
def test_safe_headers_are_on_every_answer(client, method, path):
    headers = client.request(method, path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "script-src" not in policy  # it falls back on default-src: no inline scripts
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == ("no-store" if path.startswith("/api/") else "no-cache")


def test_they_are_on_a_refusal_too(client):
    headers = client.get("/", headers={"Host": "evil.example"}).headers
    assert headers["x-content-type-options"] == "nosniff"


BODIES = pytest.mark.parametrize("path", ["/api/view", "/api/picture"])


@BODIES
def test_a_length_over_the_limit_is_refused_unread(stream, path):
    status, message, taken = stream(path, announced=str(MAX_BODY + 1))
    assert (status, taken) == (413, 0)
    assert message == "expected at most 5 MB; got more; take a smaller picture"


@BODIES
@pytest.mark.parametrize("announced", ["x", "-1", "1e3", "", "\xb2"])
def test_a_length_that_is_none_is_refused_unread(stream, path, announced):
    assert stream(path, announced=announced)[::2] == (413, 0)


@BODIES
@pytest.mark.parametrize("announced", [None, "2", "0"])
def test_a_body_that_goes_on_is_refused_once_it_is_too_long(stream, path, announced):
    status, message, taken = stream(path, announced=announced)
    assert (status, taken) == (413, 6)
    assert message == "expected at most 5 MB; got more; take a smaller picture"


@BODIES
def test_a_body_that_breaks_off_is_refused(stream, path):
    status, message, _ = stream(path, breaks_after=2)
    assert (status, message) == (400, "expected the whole request; got a part of it; send it again")


@pytest.fixture
def stream(explorer):
    """stream("/api/view"): status, sentence, and how many pieces of 1 MB were taken of the 100 of
    a body that is sent piece by piece, whatever length is announced."""

    def send(path, announced=None, breaks_after=100):
        headers = [(b"host", b"localhost"), (b"content-type", b"application/json")]
        if announced is not None:
            headers.append((b"content-length", announced.encode("latin-1")))
        scope = {
            "type": "http", "method": "POST", "path": path, "raw_path": path.encode(),
            "query_string": b"set=digits&ink=0", "headers": headers, "http_version": "1.1",
            "scheme": "http", "root_path": "", "client": ("127.0.0.1", 1), "server": ("x", 1),
        }  # fmt: skip
        taken, said = 0, []

        async def receive():
            nonlocal taken
            if taken == breaks_after:
                return {"type": "http.disconnect"}
            taken += 1
            return {"type": "http.request", "body": b" " * 1_000_000, "more_body": taken < 100}

        async def answer(message):
            said.append(message)

        asyncio.run(make_app(explorer)(scope, receive, answer))
        body = b"".join(message.get("body", b"") for message in said)
        return said[0]["status"], json.loads(body)["error"], taken

    return send


@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded"])
def test_only_json_is_taken_where_json_is_asked_for(client, kind):
    headers = {"Content-Type": kind} if kind else {}
    response = client.post("/api/view", content=b'{"set": "digits"}', headers=headers)
    assert response.status_code == 415
    assert "expected Content-Type application/json" in response.json()["error"]


def test_json_may_name_its_character_set(client):
    body = json.dumps({"set": "digits", "source": {"kind": "test", "index": 0}})
    headers = {"Content-Type": "application/json; charset=utf-8"}
    assert client.post("/api/view", content=body, headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("host", "alone"),
    [("127.0.0.1", True), ("127.1.2.3", True), ("localhost", True), ("::1", True),
     ("0.0.0.0", False), ("192.168.0.7", False), ("::", False), ("box.example", False)],
)  # fmt: skip
def test_which_addresses_nobody_else_can_reach(host, alone):
    assert is_loopback(host) is alone
