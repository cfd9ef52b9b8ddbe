"""`torchcaps explore`: the page, served by a process of its own."""

import contextlib
import re
import signal
import socket
import subprocess
import sys
import threading

import httpx
import pytest

import torchcaps as tc
from torchcaps.training import Recipe


@pytest.fixture
def run(tmp_path):
    """The folder of a run that was saved before its first epoch."""
    model = tc.create_model("cnn", (1, 8, 8), 10, channels=(2, 2), hidden=4)
    Recipe(model="cnn").save(tmp_path / "run" / "config.yaml")
    return tc.save_model(model, tmp_path / "run")


@pytest.fixture
def begin(tmp_path):
    """begin("run"): the process, the lines before its address, and the address."""
    processes = []

    def start(*words, **options):
        command = [sys.executable, "-m", "torchcaps", "explore", "--no-browser", *map(str, words)]
        process = subprocess.Popen(
            command,
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )
        processes.append(process)
        assert process.stdout is not None
        assert process.stderr is not None
        before = []
        for line in process.stdout:
            if found := re.match(r"explorer: (http://\S+)  \(Ctrl-C ends it\)", line):
                return process, before, found[1]
            before.append(line)
        raise AssertionError(process.stderr.read())

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def test_help_names_every_option(cli):
    said = cli("explore", "--help")
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("usage: torchcaps explore")
    for option in ("--port", "--host", "--no-browser", "[RUN ...]", "default: the newest runs"):
        assert option in said.out


@pytest.mark.parametrize(
    ("how", "code"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 143)],
)
def test_it_answers_until_it_is_stopped(begin, run, how, code):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        process, before, url = begin(run, "--port", port)
    served = int(url.rpartition(":")[2].strip("/"))
    assert before == [f"port {port} is taken; {served} is the next free one\n"]
    assert served > port
    state = httpx.get(f"{url}api/state").json()
    assert [model["name"] for model in state["sets"][0]["models"]] == ["cnn"]
    assert httpx.get(url).headers["content-type"].startswith("text/html")
    assert httpx.get(url, headers={"Host": "evil.example"}).status_code == 400
    large = httpx.post(f"{url}api/picture?set=digits&ink=0", content=bytes(5_100_000))
    assert large.status_code == 413
    process.send_signal(how)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (code, "", "torchcaps: explorer ended\n")


def few_files():
    resource = pytest.importorskip("resource")
    resource.setrlimit(resource.RLIMIT_NOFILE, (128, 128))


@pytest.mark.skipif(sys.platform == "win32", reason="limits files")
def test_many_idle_connections_take_neither_files_nor_answers(begin, run):
    process, _, url = begin(run, "--port", 0, preexec_fn=few_files)
    port = int(url.rpartition(":")[2].strip("/"))
    with contextlib.ExitStack() as idle:
        for count in range(300):
            client = idle.enter_context(socket.create_connection(("127.0.0.1", port), 60))
            client.sendall(b"GET / HTTP/1.1\r\nHost: local" if count % 2 else b"G")
        for _ in range(3):
            assert httpx.get(f"{url}api/state", timeout=30).status_code == 200
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "torchcaps: explorer ended\n")


def test_others_are_warned_of(begin, run):
    process, before, url = begin(run, "--port", 0, "--host", "0.0.0.0")
    assert before == []
    assert re.fullmatch(r"http://localhost:\d+/", url)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert err == (
        "torchcaps: everyone who can reach this machine can open the page on 0.0.0.0; leave --host "
        "out to be alone with it\ntorchcaps: explorer ended\n"
    )


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (
            "nowhere",
            "explore, nowhere: expected a run with config.yaml and model.safetensors, or a",
        ),
        ("--port 70000", "explore, --port: expected 0 to 65535; got 70000; leave it out for 8765"),
        ("--port x", "--port: "),
        ("--host 203.0.113.1 --port 0", "explore, --host and --port: expected an address that may"),
        ("--prot 1", "unknown option --prot; did you mean --port?"),
    ],
)
def test_mistakes_are_told_in_a_line(refused, words, text):
    assert refused("explore", *words.split()).startswith(text)


def test_a_broken_run_is_told_in_a_line(refused, run):
    (run / "model.safetensors").write_bytes(b"half")
    assert "expected a whole safetensors file" in refused("explore", run)
    (run / "config.json").unlink()
    assert "without config.json" in refused("explore", run)


def test_runs_that_do_not_fit_are_told_in_a_line(refused, run, tmp_path):
    model = tc.create_model("cnn", (1, 9, 9), 10, channels=(2, 2), hidden=4)
    other = tc.save_model(model, tmp_path / "other")
    Recipe(model="cnn").save(other / "config.yaml")
    text = refused("explore", run, other)
    assert text.startswith(f"explore, {other}: expected a model for images (1, 8, 8) of the")
    assert f"as {run} has; got one for (1, 9, 9)" in text


def test_a_browser_is_opened_unless_it_is_not_wanted(cli, run, monkeypatch):
    opened = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    monkeypatch.setattr(threading.Thread, "start", threading.Thread.run)
    monkeypatch.setattr("torchcaps.cli.explore.serve", lambda *words: words[-1]())
    monkeypatch.setattr("torch.set_num_threads", lambda count: None)
    assert cli("explore", run, "--port", 0).code == 0
    (url,) = opened
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", url)
    assert cli("explore", run, "--port", 0, "--no-browser").code == 0
    assert opened == [url]
