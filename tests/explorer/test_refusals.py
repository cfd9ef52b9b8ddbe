"""Whatever is sent, the answer is an answer or a sentence: never a broken server."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .conftest import numbered

GOOD: dict[str, dict[str, Any]] = {
    "view": {},
    "sweep": {"class": None},
    "routing": {"model": "capsnet_small", "iterations": None, "parts": 3},
    "decode": {"model": "capsnet_small", "class": 1, "pose": [0.0] * 16},
    "python": {},
}
LOOK = {"set": "digits", "source": numbered(1), "transform": {"degrees": 10}}
PIXELS = {"shape": [1, 8, 8], "data": "A" * 85 + "=" * 3}
FIGURE = {
    "figure": "face",
    "parts": [
        {"name": name, "x": 0, "y": 0, "rotation": 0, "scale": 1}
        for name in ("head", "left eye", "right eye", "nose", "mouth")
    ],
    "whole": {"x": 0, "y": 0, "rotation": 0, "scale": 1},
    "thickness": 0.1,
    "expression": 0,
    "shown": [True] * 5,
}


def face(**changes):
    return {"set": "faces", "source": {"kind": "face", "figure": {**FIGURE, **changes}}}


def nose(**changes):
    parts = [dict(part) for part in FIGURE["parts"]]
    parts[3].update(changes)
    return face(parts=parts)


WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("view", {"set": "letters"}, "view, set: expected one of digits, faces; got 'letters'"),
    ("view", {"set": None}, "view, set: expected one of digits, faces; got nothing"),
    ("view", {"set": ["digits"]}, "got a list of 1"),
    ("view", {"set": "\ud800\n" * 99}, r"got '\ud800\n"),
    ("view", {"source": None}, "view, source: expected an object with named values; got nothing"),
    ("view", {"source": {"kind": "file"}}, "kind: expected one of test, pixels; got 'file'"),
    ("view", {"source": {"kind": "face", "figure": FIGURE}}, "expected one of test, pixels; got"),
    ("view", {"source": numbered(360)}, "index: expected a whole number from 0 to 359; got 360"),
    ("view", {"source": numbered(-1)}, "index: expected a whole number from 0 to 359; got -1"),
    ("view", {"source": numbered(1.0)}, "got 1.0"),
    ("view", {"source": numbered(True)}, "got True"),
    ("view", {"source": numbered(10**400)}, "got 1000000000"),
    ("view", {"source": {"kind": "pixels", "pixels": 3}}, "pixels: expected an object"),
    ("view", {"source": {"kind": "pixels", "pixels": PIXELS}}, "picture: expected 1 x 8 x 8 "),
    ("view", {"transform": 3}, "view, transform: expected an object"),
    ("view", {"transform": {"degrees": "30"}}, "degrees: expected a number; got '30'"),
    ("view", {"transform": {"degrees": None}}, "degrees: expected a number; got nothing"),
    ("view", {"transform": {"degrees": 10**400}}, "degrees: expected a finite number; got"),
    ("view", {"transform": {"scale": 0.1}}, "scale: expected a finite number from 0.2 to 3; got"),
    ("view", {"transform": {"dx": 8.5}}, "dx: expected a finite number from -8 to 8; got 8.5"),
    ("view", {"transform": {"shear": -3}}, "shear: expected a finite number from -2 to 2; got -3"),
    ("sweep", {"class": 10}, "class: expected a whole number from 0 to 9; got 10"),
    ("routing", {"model": "capsnet"}, "model: expected one of capsnet_small, equi"),
    ("routing", {"iterations": 0}, "iterations: expected a whole number from 1 to 10; got 0"),
    ("routing", {"iterations": 11}, "iterations: expected a whole number from 1 to 10; got 11"),
    ("routing", {"parts": 33}, "parts: expected a whole number from 1 to 32; got 33"),
    ("decode", {"model": "cnn"}, "choose capsnet_small or equivariant_capsnet"),
    ("decode", {"class": None}, "class: expected a whole number from 0 to 9; got nothing"),
    ("decode", {"pose": [0.0] * 15}, "pose: expected a list of 16 numbers; got a list of 15"),
    ("decode", {"pose": [0.0] * 100_000}, "got a list of 100000"),
    ("decode", {"pose": [0.0] * 15 + [11]}, "pose[15]: expected a finite number from -10 to 10"),
    ("decode", {"pose": [0.0] * 15 + ["0"]}, "pose[15]: expected a number; got '0'"),
    ("view", face(figure="horse"), "figure: expected one of face, house, car, "),
    ("view", face(parts=[]), "parts: expected a list of 5 objects; got a list of 0"),
    ("view", face(thickness=0), "thickness: expected a finite number from 0.01 to 0.5; got 0"),
    ("view", face(expression=2), "expression: expected a finite number from -1 to 1; got 2"),
    ("view", face(shown=[1] * 5), "shown: expected a list of 5 times true or false"),
    ("view", face(whole=None), "whole: expected an object with named values; got nothing"),
    ("view", nose(x=2.5), "parts[3], x: expected a finite number from -2 to 2; got 2.5"),
    ("view", nose(scale=0), "parts[3], scale: expected a finite number from 0.05 to 3; got 0"),
    ("view", nose(name="ear"), "parts[3], name: expected one of nose; got 'ear'"),
    ("train", {"set": "letters"}, "train, set: expected one of digits, faces"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "change", "text"), WRONG)
def test_what_is_wrong_is_named(refused, name, change, text):
    assert text in refused(name, **{**LOOK, **GOOD.get(name, {}), **change})


@pytest.mark.parametrize("name", GOOD)
def test_what_these_start_from_is_right(ask, name):
    ask(name, **LOOK, **GOOD[name])
    ask("view", **face())


BROKEN = [
    b"", b"{", b"null", b"[]", b'"set"', b"\xff\xfe", b"[" * 100_000, b'{"a":' * 100_000,
    b'{"set": NaN}', b'{"set": -Infinity}', b"1" * 5000, b"{}" + b"\0" * 9,
]  # fmt: skip


@pytest.mark.parametrize("content", BROKEN, ids=range(len(BROKEN)))
@pytest.mark.parametrize("name", [*GOOD, "train"])
def test_what_is_no_json_object_is_refused(client, name, content):
    kind = {"Content-Type": "application/json"}
    response = client.post(f"/api/{name}", content=content, headers=kind)
    assert response.status_code == 400
    assert response.json()["error"].startswith(f"{name}: expected a")


@pytest.mark.parametrize("number", ["1e999", "-1e999", "NaN", "Infinity", "9" * 4000])
@pytest.mark.parametrize("key", ["degrees", "scale", "dx", "shear"])
def test_numbers_that_are_none_are_refused(client, key, number):
    body = json.dumps({**LOOK, "transform": {key: "?"}}).replace('"?"', number)
    response = client.post("/api/view", content=body, headers={"Content-Type": "application/json"})
    assert response.status_code == 400


@pytest.mark.parametrize("degrees", [1e308, -1e308, 1e17, 360.0, 720, -540, 1e-320])
def test_any_finite_angle_is_taken_by_its_rest_of_a_turn(ask, degrees):
    rest = degrees % 360
    assert (
        ask("view", **{**LOOK, "transform": {"degrees": degrees}})["image"]
        == (ask("view", **{**LOOK, "transform": {"degrees": rest}})["image"])
    )


QUERIES = ["", "?figure=face", "?seed=0", "?figure=horse&seed=0"] + [
    f"?figure=face&seed={seed}" for seed in ("", "-1", "1.5", "x", "9" * 30, str(2**31), "١", "²")
]


@pytest.mark.parametrize("query", QUERIES)
def test_a_figure_needs_a_name_and_a_seed(client, query):
    response = client.get(f"/api/figure{query}")
    assert response.status_code == 400
    assert response.json()["error"].startswith("figure, ")


anything = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5)
    | st.sampled_from(["digits", "faces", "test", "pixels", "face", "capsnet_small", 10**400]),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)  # fmt: skip


@st.composite
def changed(draw):
    """A good request with something put in the place of something in it."""
    name = draw(st.sampled_from([*GOOD]))
    start = face() if draw(st.booleans()) else LOOK
    body = json.loads(json.dumps({**start, **GOOD[name]}))
    for _ in range(draw(st.integers(1, 2))):
        at = body
        while True:
            key = draw(st.sampled_from(sorted(at) if isinstance(at, dict) else range(len(at))))
            if isinstance(at[key], dict | list) and at[key] and draw(st.integers(0, 3)):
                at = at[key]
                continue
            at[key] = draw(anything)
            break
    return name, body


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(changed())
def test_no_request_breaks_the_server(client, question):
    name, body = question
    response = client.post(
        f"/api/{name}",
        content=json.dumps(body).encode("utf-8", "surrogatepass"),
        headers={"Content-Type": "application/json"},
    )
    assert response.status_code in (200, 400), response.text
    if response.status_code == 400:
        assert 20 < len(response.json()["error"]) < 400
