"""A face whose parts are dragged about."""

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.browser.conftest import Screen

STAGE = "#input .stage canvas"
MODELS = ("capsnet_small", "cnn")


@pytest.fixture
def face(screen: "Screen") -> "Screen":
    screen.open()
    screen.press("Faces")
    screen.page.wait_for_selector("[data-part='left eye']")
    screen.drawn()
    return screen


def test_scrambling_moves_the_parts_and_the_scores(face: "Screen") -> None:
    before, said = face.pixels(STAGE), [face.scores(model) for model in MODELS]
    assert [list(scores) for scores in said] == [["face", "house", "car"]] * 2
    places = _place(face, "mouth")
    since = face.asked
    face.press("Scramble")
    face.redrawn(since)
    assert face.pixels(STAGE) != before
    assert _place(face, "mouth") != places
    assert [face.scores(model) for model in MODELS] != said
    since = face.asked
    face.press("Restore")
    face.redrawn(since)
    assert face.pixels(STAGE) == before


def test_an_eye_is_dragged(face: "Screen") -> None:
    before, mouth = face.pixels(STAGE), _place(face, "mouth")
    x, y = _place(face, "left eye")
    handle = face.page.locator("[data-part='left eye']")
    face.drag(handle, (0.5, 0.5), (0.5, 1.0), (0.5, 1.5))
    face.drawn()
    moved_x, moved_y = _place(face, "left eye")
    assert abs(moved_x - x) < 1
    assert moved_y > y + 10
    assert _place(face, "mouth") == mouth
    assert face.pixels(STAGE) != before


def test_a_part_is_moved_by_keys(face: "Screen") -> None:
    before, (x, y) = face.pixels(STAGE), _place(face, "nose")
    face.page.locator("[data-part=nose]").focus()
    face.page.keyboard.press("ArrowRight")
    face.page.keyboard.press("ArrowUp")
    face.drawn()
    moved = _place(face, "nose")
    assert moved[0] > x
    assert moved[1] < y
    face.page.keyboard.press("Delete")
    face.drawn()
    assert "hidden" in str(face.page.locator("[data-part=nose]").get_attribute("aria-label"))
    assert face.pixels(STAGE) != before


def test_handles_turn_with_the_picture(face: "Screen") -> None:
    x, y = _place(face, "left eye")
    face.slide("Rotation in degrees, counter-clockwise", 90)
    turned = _place(face, "left eye")
    # Counter-clockwise, y down: (x, y) goes to (y, -x).
    assert turned == pytest.approx((y, -x), abs=0.5)


def _place(screen: "Screen", part: str) -> tuple[float, float]:
    """Where a handle is, in units of the stage."""
    text = str(screen.page.locator(f"[data-part='{part}']").get_attribute("transform"))
    x, y = text.removeprefix("translate(").split(")")[0].split(" ")
    return float(x), float(y)
