"""Free ports, addresses, and a server that answers on them."""

import socket

import pytest

from torchcaps.explorer.serving import address, listen


@pytest.fixture
def taken():
    """A port that something listens on, with the next one free."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield other.getsockname()[1]


def test_a_free_port_is_taken():
    with listen("127.0.0.1", 0) as first:
        host, port = first.getsockname()
        assert host == "127.0.0.1"
        assert port > 0


def test_what_is_written_is_sent_at_once():
    with listen("127.0.0.1", 0) as first, socket.create_connection(first.getsockname()):
        accepted, _ = first.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_the_next_free_port_is_taken(taken):
    with listen("127.0.0.1", taken) as first, listen("127.0.0.1", taken) as second:
        ports = [each.getsockname()[1] for each in (first, second)]
        assert taken < ports[0] < ports[1]


def test_no_free_port_is_said(monkeypatch):
    def refuse(*_, **__):
        raise OSError(98, "Address already in use")

    monkeypatch.setattr("socket.create_server", refuse)
    with pytest.raises(
        ValueError, match=r"explore, --port: expected a free port within 100 from 9 "
    ):
        listen("127.0.0.1", 9)


@pytest.mark.parametrize("host", ["no.such.host.invalid", "a" * 70, "203.0.113.1"])
def test_an_address_of_another_machine_is_refused(host):
    with pytest.raises(ValueError, match=rf"explore, --host.*{host}.*leave"):
        listen(host, 0)


@pytest.mark.parametrize(
    ("host", "url"),
    [("127.0.0.1", "http://127.0.0.1:80/"), ("::1", "http://[::1]:80/"),
     ("0.0.0.0", "http://localhost:80/"), ("::", "http://localhost:80/")],
)  # fmt: skip
def test_what_to_open(host, url):
    assert address(host, 80) == url
