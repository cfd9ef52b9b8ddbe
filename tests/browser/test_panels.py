"""Scores, pose, reconstruction and routing, moved by hand."""

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.browser.conftest import Screen

MOVED = "#reconstruction figure:nth-child(2) canvas"
DIFFERENCE = "#reconstruction figure:nth-child(3) canvas"
NUMBER_3 = "Number 3 of the pose, added to what was measured"


def test_scores_of_all_networks_stand_side_by_side(screen: "Screen") -> None:
    screen.open("#set=digits&image=0")
    lengths, shares = screen.scores("capsnet_small"), screen.scores("cnn")
    assert list(lengths) == list("0123456789") == list(screen.scores("equivariant_capsnet"))
    assert abs(sum(shares.values()) - 1) < 0.01
    assert all(0 <= length < 1 for length in lengths.values())
    said = screen.page.locator("[data-model=cnn] .says strong").inner_text()
    assert said == max(shares, key=shares.__getitem__)
    winner = screen.page.locator("[data-model=cnn] li.winner .class")
    assert winner.inner_text() == said


def test_a_sweep_draws_a_curve_for_each_network(screen: "Screen") -> None:
    screen.open("#set=digits&image=0")
    screen.press("Sweep −180° … 180°")
    screen.page.wait_for_selector(".trace .curve")
    assert screen.page.locator(".trace .curve").count() == 3
    told = screen.page.locator(".trace .words").inner_text()
    # Quarter turns are the same to it; nothing of the kind holds for the others.
    right = re.search(r"equivariant_capsnet: right at (\d+) of 36", told)
    assert right is not None
    # The curve is of this picture alone.
    screen.press("Next test image")
    screen.page.wait_for_selector(".trace .curve", state="detached")
    screen.page.wait_for_selector(".trace .curve")


def test_a_slider_moves_the_reconstruction_and_back(screen: "Screen") -> None:
    screen.open("#set=digits&image=0")
    measured = screen.pixels(MOVED)
    assert not any(screen.pixels(DIFFERENCE)[3::4])
    screen.slide(NUMBER_3, 0.25)
    moved = screen.pixels(MOVED)
    assert moved != measured
    assert any(screen.pixels(DIFFERENCE)[3::4])
    screen.press("Return to the measured pose")
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
    screen.slide("Turn the pose by some orientations", 4)
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
