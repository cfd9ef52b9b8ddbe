"""Addresses, files, and what happens to a mistake of ours."""

import threading

import pytest
from starlette.testclient import TestClient

import torchcaps
from torchcaps.explorer import server
from torchcaps.explorer.server import STATIC, make_app
from torchcaps.explorer.state import Explorer
from torchcaps.explorer.trainer import RECIPES
from torchcaps.explorer.workspaces import load_workspace
from torchcaps.training import Recipe

from .conftest import numbered


def test_the_state_says_what_there_is(client, runs):
    state = client.get("/api/state").json()
    assert state["version"] == torchcaps.__version__
    digits, faces = state["sets"]
    assert (digits["id"], digits["dataset"], digits["in_shape"]) == ("digits", "digits", [1, 8, 8])
    assert digits["classes"] == list("0123456789")
    assert digits["test_images"] == 360
    assert (faces["id"], faces["dataset"], faces["in_shape"]) == ("faces", "faces", [1, 16, 16])
    assert faces["classes"] == ["face", "house", "car"]
    small, turning, cnn = digits["models"]
    assert small["id"] == small["name"] == "capsnet_small"
    assert small["folder"] == str(runs["digits"][0])
    assert (small["kind"], small["gain"]) == ("lengths", 10)
    assert (cnn["kind"], cnn["gain"]) == ("logits", 1)
    assert (small["pose_dim"], turning["pose_dim"], cnn["pose_dim"]) == (16, 64, None)
    assert (small["iterations"], turning["iterations"], cnn["iterations"]) == (3, 3, None)
    assert (turning["orientations"], turning["window"]) == (16, 60)
    assert small["orientations"] is small["window"] is cnn["window"] is None
    assert small["can"] == {"decode": True, "angle": False, "routing": True}
    assert turning["can"] == {"decode": True, "angle": True, "routing": True}
    assert cnn["can"] == {"decode": False, "angle": False, "routing": False}
    assert cnn["parameters"] == 4 * 10 + 4 * 37 + 8 * (4 * 4 + 1) + 10 * 9
    assert state["training"]["state"] == "idle"


def test_the_first_images_of_each_class_are_of_that_class(client, workspaces):
    for models in client.get("/api/state").json()["sets"]:
        labels = workspaces[models["id"]].test_set.labels.tolist()
        for label, chosen in enumerate(models["first_of_class"]):
            assert chosen == [k for k, own in enumerate(labels) if own == label][:50]


def test_workspaces_without_models_show_their_data_and_ask_for_training(tmp_path):
    recipes = {"digits": Recipe(), "faces": RECIPES["faces"][0]}
    workspaces = {id: load_workspace(id, [], recipe) for id, recipe in recipes.items()}
    client = TestClient(make_app(Explorer(workspaces, tmp_path)), base_url="http://localhost")
    digits, faces = client.get("/api/state").json()["sets"]
    assert digits["models"] == faces["models"] == []
    assert (digits["test_images"], faces["in_shape"]) == (360, [1, 32, 32])
    look = {"set": "digits", "source": numbered(0)}
    assert client.post("/api/view", json=look).json()["answers"] == []
    assert "load_dataset" in client.post("/api/python", json=look).json()["code"]
    for name in ("sweep", "routing", "decode"):
        response = client.post(f"/api/{name}", json=look)
        assert response.status_code == 409
        assert response.json()["error"] == (
            "digits: expected at least one trained model; got none; train some first"
        )


def test_every_file_of_the_page_is_served_with_its_kind(client):
    kinds = {".html": "text/html", ".js": "text/javascript", ".css": "text/css",
             ".svg": "image/svg+xml"}  # fmt: skip
    files = [path for path in STATIC.rglob("*") if path.is_file()]
    assert STATIC / "index.html" in files
    for path in files:
        response = client.get(f"/{path.relative_to(STATIC).as_posix()}")
        assert response.status_code == 200
        assert response.content == path.read_bytes()
        assert response.headers["content-type"].startswith(kinds[path.suffix])
    assert client.get("/").content == (STATIC / "index.html").read_bytes()


PATHS = [
    "/../server.py", "/..%2fserver.py", "/%2e%2e/server.py", "/panels/../../server.py",
    "/..\\server.py", "//etc/passwd", "/%2fetc%2fpasswd", "/....//server.py", "/%00",
    "/index.html%00.js",
    "/server.py", "/static/index.html", "/~root", "/C:/windows", "/" + "a" * 5000,
]  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
def test_no_path_leads_out_of_the_page(client, path):
    # As it stands: a client would tidy the dots away.
    request = client.build_request("GET", "/")
    request.url = request.url.copy_with(raw_path=path.encode())
    response = client.send(request)
    assert response.status_code in (404, 405), response.text
    assert list(response.json()) == ["error"]


def test_no_link_leads_out_of_the_page(explorer, tmp_path, monkeypatch):
    page = tmp_path / "static"
    page.mkdir()
    (tmp_path / "secret").write_text("secret")
    (page / "link").symlink_to(tmp_path / "secret")
    monkeypatch.setattr(server, "STATIC", page)
    other = TestClient(make_app(explorer), base_url="http://localhost")
    assert other.get("/link").status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/api/nowhere", 404), ("POST", "/api/nowhere", 405), ("GET", "/api/view", 404),
     ("POST", "/api/state", 405), ("PUT", "/api/view", 405), ("OPTIONS", "/api/view", 405)],
)  # fmt: skip
def test_what_is_not_there_is_a_sentence(client, method, path, status):
    response = client.request(method, path)
    assert response.status_code == status
    assert response.json()["error"].startswith(f"{method} {path}: ")


def test_a_mistake_of_ours_is_hidden_from_the_page_and_raised_for_the_log(explorer, monkeypatch):
    def fail(*_):
        raise ValueError("secret of the house")

    monkeypatch.setattr(server, "view", fail)
    look = {"set": "digits", "source": numbered(0)}
    app = make_app(explorer)
    quiet = TestClient(app, base_url="http://localhost", raise_server_exceptions=False)
    response = quiet.post("/api/view", json=look)
    assert response.status_code == 500
    assert response.json() == {
        "error": "the server made a mistake, which its log shows; try something else"
    }
    assert response.headers["x-content-type-options"] == "nosniff"
    with pytest.raises(ValueError, match="secret"):
        TestClient(app, base_url="http://localhost").post("/api/view", json=look)
    assert quiet.get("/api/state").status_code == 200


def test_a_slow_answer_holds_up_no_other(client, monkeypatch):
    begun, go_on = threading.Event(), threading.Event()
    slow = server.sweep

    def wait(request):
        begun.set()
        assert go_on.wait(30)
        return slow(request)

    monkeypatch.setattr(server, "sweep", wait)
    look = {"set": "digits", "source": numbered(0)}
    answers = []
    thread = threading.Thread(
        target=lambda: answers.append(client.post("/api/sweep", json=look).status_code)
    )
    thread.start()
    assert begun.wait(30)
    for _ in range(3):
        assert client.post("/api/view", json=look).status_code == 200
        assert client.get("/").status_code == 200
    assert answers == []
    go_on.set()
    thread.join(30)
    assert answers == [200]
