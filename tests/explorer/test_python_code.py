"""The code that the page hands out, run as it stands."""

import math

import pytest
import torch

from .conftest import image_of, numbered

MOVE = {"degrees": 30.0, "scale": 1.2, "dx": 1.0, "dy": -0.5, "shear": 0.2}


@pytest.fixture
def run(ask, capsys):
    """run(question): what the code for it defines, and the lines that it prints."""

    def execute(question):
        code = ask("python", **question)["code"]
        compile(code, "copied", "exec")
        assert max(map(len, code.splitlines())) < 2000
        found = {}
        exec(code, found)
        return found, capsys.readouterr().out

    return execute


@pytest.fixture
def printed(monkeypatch):
    """Everything that is printed can be read to the last digit."""
    torch.set_printoptions(precision=8, linewidth=10_000)
    yield
    torch.set_printoptions(profile="default")


def numbers(text):
    return [float(word) for word in text.replace("[", " ").replace("]", " ").split(",")]


def check(run, ask, question):
    found, said = run(question)
    view = ask("view", **question)
    assert torch.equal((found["moved"][0].clamp(0, 1) * 255).round() / 255, image_of(view["image"]))
    lines = iter(said.splitlines())
    for answer in view["answers"]:
        line = next(lines)
        assert line.startswith(f"{answer['model']} tensor(")
        shares = numbers(line.partition("tensor(")[2].partition(")")[0])
        assert shares == pytest.approx(answer["probabilities"], abs=1e-5)
        if answer["angle"] is not None:
            turned = next(lines).removeprefix("rotated by ").removesuffix(" degrees")
            assert math.isclose(float(turned), answer["angle"], abs_tol=1e-2)
    assert list(lines) == []


@pytest.mark.usefixtures("printed")
@pytest.mark.parametrize("move", [{}, MOVE])
def test_of_a_test_image(run, ask, move):
    check(run, ask, {"set": "digits", "source": numbered(5), "transform": move})


@pytest.mark.usefixtures("printed")
def test_of_a_drawing(run, ask):
    pixels = ask("view", set="digits", source=numbered(3), transform=MOVE)["image"]
    check(run, ask, {"set": "digits", "source": {"kind": "pixels", "pixels": pixels}})


@pytest.mark.usefixtures("printed")
def test_of_a_face(run, ask, client):
    figure = client.get("/api/figure", params={"figure": "eyes below mouth", "seed": 4}).json()
    figure["shown"][1] = False
    source = {"kind": "face", "figure": figure}
    check(run, ask, {"set": "faces", "source": source, "transform": MOVE})


@pytest.mark.usefixtures("printed")
def test_of_a_test_image_of_data_with_options(run, ask):
    check(run, ask, {"set": "faces", "source": numbered(2), "transform": MOVE})
