"""The picture: test images, drawings, files, and moving them."""

from io import BytesIO
from math import atan2, cos, pi, sin
from math import degrees as degrees_of
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from torchcaps.data import load_dataset
from torchcaps.models import EquivariantCapsNet, load_model

if TYPE_CHECKING:
    from tests.browser.conftest import Screen

STAGE = "#input .stage canvas"


@pytest.fixture(scope="module")
def upright_image(runs: list[str]) -> int:
    """A test image that the network that turns takes for upright, asked without the page."""
    model = load_model(runs[1])
    assert isinstance(model, EquivariantCapsNet)
    angles = model.angle(model(load_dataset("digits", split="test").images[:40]))
    return int(angles.abs().argmin())


def test_a_drawn_nought_is_classified(screen: "Screen") -> None:
    screen.open()
    screen.press("Draw")
    circle = [(0.5 + 0.2 * sin(k * pi / 12), 0.5 - 0.33 * cos(k * pi / 12)) for k in range(25)]
    since = screen.asked
    screen.drag(screen.page.locator(".pad"), *circle)
    screen.redrawn(since)
    # Strokes are sent while they are drawn: wait for the last.
    screen.page.wait_for_load_state("networkidle")
    screen.drawn()
    says = screen.page.locator("[data-model=capsnet_small] .says strong")
    assert says.inner_text() == "0"
    # Nobody told the page what was drawn, so that it judges nothing.
    assert screen.page.locator("[data-model=capsnet_small] .verdict").inner_text() == ""


def test_strokes_are_taken_back(screen: "Screen") -> None:
    screen.open()
    screen.press("Draw")
    pad, strokes = screen.page.locator(".pad"), screen.page.locator(".pad path")
    screen.drag(pad, (0.3, 0.2), (0.3, 0.8))
    screen.drag(pad, (0.6, 0.2), (0.6, 0.8))
    assert strokes.count() == 2
    screen.press("Undo")
    assert strokes.count() == 1
    screen.press("Clear")
    assert strokes.count() == 0
    assert screen.page.get_by_role("button", name="Undo").is_disabled()


@pytest.mark.parametrize("degrees", [90, -90, 180])
def test_the_needle_follows_the_picture(screen: "Screen", upright_image: int, degrees: int) -> None:
    screen.open(f"#set=digits&image={upright_image}")
    screen.slide("Rotation in degrees, counter-clockwise", degrees)
    shaft = screen.page.locator(".stage .needle .shaft").get_attribute("d")
    x, y = (float(number) for number in str(shaft).removeprefix("M0 0L").split(" "))
    shown = degrees_of(atan2(-x, -y))  # counter-clockwise from above, y down
    assert abs((shown - degrees + 180) % 360 - 180) < 10
    read = float(str(screen.page.locator(".reading .told b").get_attribute("data-angle")))
    assert abs((shown - read + 180) % 360 - 180) < 0.1
    assert f"{round(read)}°" in screen.page.locator(".reading .told b").inner_text()


def test_the_stage_is_dragged(screen: "Screen") -> None:
    screen.open("#set=digits&image=0")
    stage = screen.page.locator(".stage")
    # From the top of the ring, counter-clockwise to its left.
    screen.drag(stage, (0.5, 0.037), (0.18, 0.17), (0.037, 0.5))
    screen.drawn()
    rotation = screen.page.get_by_label("Rotation in degrees, counter-clockwise")
    assert abs(float(rotation.input_value()) - 90) <= 1
    stage.dblclick(position={"x": 178, "y": 178})
    screen.drawn()
    assert rotation.input_value() == "0"
    # Two of eight pixels to the right: the picture takes 62.92 percent of the stage.
    before = screen.pixels(STAGE)
    screen.drag(stage, (0.4, 0.5), (0.4 + 0.6292 * 2 / 8, 0.5))
    screen.drawn()
    assert float(screen.page.get_by_label("Shift to the right in pixels").input_value()) == 2
    assert screen.pixels(STAGE) != before


def test_images_by_number_and_by_class(screen: "Screen") -> None:
    screen.open("#set=digits&image=0")
    labels = load_dataset("digits", split="test").labels.tolist()
    screen.press("A test image of 7")
    screen.drawn()
    assert screen.page.get_by_label("number", exact=True).input_value() == str(labels.index(7))
    assert screen.page.locator("li.label .class").first.inner_text() == "7"
    screen.press("Next test image")
    screen.drawn()
    assert screen.page.get_by_label("number", exact=True).input_value() == str(labels.index(7) + 1)


def test_a_broken_file_is_refused_in_words_and_a_good_one_is_shown(screen: "Screen") -> None:
    screen.refusals = (400,)
    screen.open("#set=digits&image=0")
    before = screen.pixels(STAGE)
    screen.press("Upload")
    chooser = screen.page.locator("input[type=file]")
    chooser.set_input_files({"name": "a.png", "mimeType": "image/png", "buffer": b"no picture"})
    message = screen.page.get_by_role("alert").locator("p")
    message.wait_for()
    assert "picture" in message.inner_text()
    assert screen.pixels(STAGE) == before
    screen.press("Dismiss")
    assert message.count() == 0

    drawn, since = BytesIO(), screen.asked
    Image.linear_gradient("L").resize((64, 64)).save(drawn, "PNG")
    chooser.set_input_files({"name": "b.png", "mimeType": "image/png", "buffer": drawn.getvalue()})
    screen.redrawn(since)
    assert screen.pixels(STAGE) != before
