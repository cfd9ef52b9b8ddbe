"""Scores, pose, reconstruction and routing, moved by hand."""

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.browser.conftest import Screen

MOVED = "#reconstruction figure:nth-child(2) canvas"
DIFFERENCE = "#reconstruction figure:nth-child(3) canvas"
NUMBER_3 = "Number 3 of the pose, added to the measured value"


def test_scores_of_all_networks_stand_side_by_side(screen: "Screen") -> None:
    screen.open("#set=digits&image=0")
    for model in ("capsnet_small", "equivariant_capsnet", "cnn"):
        shares = screen.scores(model)
        assert list(shares) == list("0123456789")
        assert abs(sum(shares.values()) - 1) < 0.01
    titles = screen.page.locator("[data-model=equivariant_capsnet] li").evaluate_all(
        "all => all.map(li => li.title)"
    )
    assert all(re.fullmatch(r"probability \S+, capsule length \S+", title) for title in titles)
    assert "gain" in screen.page.locator("[data-model=capsnet_small] .kind").inner_text()
    assert screen.page.locator("[data-model=cnn] .kind").inner_text().startswith("logit ")
    said = screen.page.locator("[data-model=cnn] .says strong").inner_text()
    assert said == max(shares, key=shares.__getitem__)
    winner = screen.page.locator("[data-model=cnn] li.winner .class")
    assert winner.inner_text() == said


def test_every_picture_is_swept_with_a_curve_for_each_network(screen: "Screen") -> None:
    screen.open()
    screen.page.wait_for_selector(".trace .curve")
    assert screen.page.locator(".trace .curve").count() == 3
    told = screen.page.locator(".trace .words").inner_text()
    # Quarter turns are the same to it; nothing of the kind holds for the others.
    right = re.search(r"equivariant_capsnet: correct at (\d+) of 36", told)
    assert right is not None
    # The curve is of this picture alone.
    screen.press("Next test image")
    screen.page.wait_for_selector(".trace .curve", state="detached")
    screen.page.wait_for_selector(".trace .curve")


def test_the_first_view_is_the_one_that_the_server_proposes(screen: "Screen") -> None:
    screen.open()
    proposed = screen.page.evaluate(
        "fetch('api/state').then(r => r.json()).then(s => s.sets[0].first_view)"
    )
    assert screen.page.get_by_label("number", exact=True).input_value() == str(proposed["image"])
    rotation = screen.page.get_by_label("Rotation in degrees, counter-clockwise")
    assert float(rotation.input_value()) == proposed["degrees"]
    screen.open("#set=digits&image=3&degrees=-20")
    assert screen.page.get_by_label("number", exact=True).input_value() == "3"
    assert rotation.input_value() == "-20"


def test_a_sweep_of_a_picture_that_was_moved_meanwhile_is_not_shown(screen: "Screen") -> None:
    screen.open("#set=digits&image=3")
    screen.page.wait_for_selector(".trace .curve")
    bodies: list[str] = []
    screen.page.on(
        "request", lambda r: bodies.append(r.post_data or "") if "sweep" in r.url else None
    )
    screen.slide("scale", 0.6)
    screen.page.wait_for_selector(".trace .curve", state="detached")
    screen.page.wait_for_selector(".trace .curve")
    assert '"scale":0.6' in bodies[-1]


def test_a_slider_moves_the_reconstruction_and_back(screen: "Screen") -> None:
    screen.open("#set=digits&image=0")
    measured = screen.pixels(MOVED)
    assert not any(screen.pixels(DIFFERENCE)[3::4])
    screen.slide(NUMBER_3, 0.25)
    moved = screen.pixels(MOVED)
    assert moved != measured
    assert any(screen.pixels(DIFFERENCE)[3::4])
    screen.press("Reset to the measured pose")
    screen.drawn()
    assert screen.pixels(MOVED) == measured
    assert screen.page.get_by_label(NUMBER_3).input_value() == "0"


def test_another_network_is_looked_into(screen: "Screen") -> None:
    screen.open("#set=digits&image=0")
    assert screen.page.locator("#pose .measured").count() == 16
    screen.page.locator("#models").get_by_role("button", name="equivariant_capsnet").click()
    screen.drawn()
    assert screen.page.locator("#pose .measured").count() == 64
    assert screen.page.locator("#pose .petals").count() == 2
    # Its pose is turned by one of 16 orientations, and its drawing with it.
    before = screen.pixels(MOVED)
    screen.slide("Rotate the pose by some orientations", 4)
    assert screen.page.get_by_text("90°", exact=True).count() >= 1
    assert screen.pixels(MOVED) != before


def test_lines_are_as_thick_as_the_couplings_of_the_iteration(screen: "Screen") -> None:
    screen.open("#set=digits&image=0")
    screen.settled()
    assert len(set(_widths(screen))) > 1
    screen.slide("iteration", 1)
    # In the first iteration every vote is split evenly.
    assert len(_widths(screen)) == 12 * 10
    assert len(set(_widths(screen))) == 1
    screen.page.get_by_label("route").fill("6")
    screen.page.get_by_label("route").press("Enter")
    screen.settled()
    assert "6 of 6" in screen.page.locator(".iterations output").inner_text()
    # Each of the twelve parts gives out its whole vote, 14 pixels wide, on ten lines of 0.35 more.
    assert abs(sum(_widths(screen)) - 12 * (14 + 10 * 0.35)) < 0.1


def test_pointing_at_parts_and_wholes(screen: "Screen") -> None:
    screen.open("#set=digits&image=0")
    screen.settled()
    words = screen.page.locator("#routing .words")
    screen.page.locator("#routing .part").nth(2).hover()
    assert "A part of length" in words.inner_text()
    assert screen.page.locator("#routing .squares .on").count() == 1
    heat = screen.pixels("#routing .heat")
    screen.page.locator("#routing .whole").nth(4).focus()
    assert words.inner_text().startswith("4: length")
    assert screen.pixels("#routing .heat") != heat


def _widths(screen: "Screen") -> list[float]:
    """Of all lines, in pixels."""
    return screen.page.eval_on_selector_all(
        "#routing .lines path", "all => all.map(p => Number.parseFloat(p.style.strokeWidth))"
    )
