"""The page as a whole: links, pictures, Python, keys, haste, and a start from nothing."""

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.browser.conftest import Screen

STAGE = "#input .stage canvas"
ROTATION = "Rotation in degrees, counter-clockwise"


def test_the_last_of_many_quick_moves_stays(screen: "Screen") -> None:
    screen.open("#set=digits&image=3")
    screen.slide(ROTATION, -57)
    wanted, scores = screen.pixels(STAGE), screen.scores("capsnet_small")
    asked = []
    screen.page.on("request", lambda r: asked.append(r.url) if "/api/view" in r.url else None)
    screen.page.get_by_label(ROTATION).first.evaluate(
        """async slider => {
          for (let k = 0; k < 200; k += 1) {
            slider.value = k === 199 ? -57 : (k * 37) % 180;
            slider.dispatchEvent(new Event("input", { bubbles: true }));
            if (k % 10 === 0) await new Promise(resolve => setTimeout(resolve, 5));
          }
        }"""
    )
    screen.drawn()
    assert screen.page.locator(".reading b").first.inner_text() == "-57°"
    assert screen.pixels(STAGE) == wanted
    assert screen.scores("capsnet_small") == scores
    # Most moves are overtaken before anybody asks about them.
    assert 0 < len(asked) < 150


def test_a_link_restores_a_moved_drawing(screen: "Screen") -> None:
    screen.open()
    screen.press("Draw")
    since = screen.asked
    screen.drag(screen.page.locator(".pad"), (0.5, 0.1), (0.45, 0.5), (0.5, 0.9))
    screen.redrawn(since)
    screen.page.wait_for_load_state("networkidle")
    screen.slide(ROTATION, 25)
    screen.slide("Number 2 of the pose, added to the measured value", 0.2)
    screen.press("Copy link")
    screen.page.get_by_role("alert").locator("p").wait_for()
    link = screen.page.evaluate("navigator.clipboard.readText()")
    before = [screen.pixels(STAGE), screen.pixels("#reconstruction figure:nth-child(2) canvas")]
    assert link.startswith(screen.address + "#set=digits&pixels=1x8x8")
    screen.open(link.removeprefix(screen.address))
    assert screen.page.get_by_label(ROTATION).first.input_value() == "25"
    after = [screen.pixels(STAGE), screen.pixels("#reconstruction figure:nth-child(2) canvas")]
    assert after == before


def test_a_link_restores_a_face(screen: "Screen") -> None:
    screen.open("#set=faces")
    screen.page.wait_for_selector("[data-part=nose]")
    screen.page.locator("[data-part=nose]").focus()
    for _ in range(4):
        screen.page.keyboard.press("ArrowLeft")
    screen.drawn()
    before = screen.pixels(STAGE)
    screen.page.wait_for_function("() => location.hash.includes('face=')")
    screen.page.wait_for_timeout(400)  # the address follows the state after a moment
    link = str(screen.page.evaluate("location.hash"))
    screen.open(link)
    assert screen.pixels(STAGE) == before


@pytest.mark.parametrize("hash", ["#set=nothing", "#set=digits&image=99999&degrees=x", "#%%&&=="])
def test_a_link_of_nonsense_opens_the_page(screen: "Screen", hash: str) -> None:
    screen.open(hash)
    assert screen.page.get_by_label("number", exact=True).input_value().isdigit()


def test_the_saved_picture_is_a_png(screen: "Screen") -> None:
    screen.open("#set=digits&image=0&degrees=30")
    with screen.page.expect_download() as download:
        screen.press("Save picture")
    assert download.value.suggested_filename == "torchcaps.png"
    written = download.value.path().read_bytes()
    assert written[:8] == b"\x89PNG\r\n\x1a\n"
    assert len(written) > 10_000


def test_python_is_copied(screen: "Screen") -> None:
    screen.open("#set=digits&image=7&degrees=30")
    screen.press("Copy as Python")
    dialog = screen.page.get_by_role("dialog")
    dialog.get_by_text("Copied.").wait_for()
    code = screen.page.evaluate("navigator.clipboard.readText()")
    assert code == dialog.locator("code").inner_text()
    assert "load_model(" in code
    assert "30" in code
    compile(code, "copied", "exec")
    screen.page.keyboard.press("Escape")
    assert not dialog.is_visible()


def test_everything_is_reached_by_keys(screen: "Screen") -> None:
    screen.open("#set=digits&image=0")
    screen.settled()
    screen.page.evaluate("() => { scrollTo(0, 0); document.activeElement.blur(); }")
    reached, last = [], ""
    for _ in range(160):
        screen.page.keyboard.press("Tab")
        last = screen.page.evaluate(
            """() => { const e = document.activeElement;
              return e.ariaLabel ?? e.labels?.[0]?.textContent ?? e.textContent.trim(); }"""
        )
        reached.append(str(last))
        if last == "The equations":
            break
    assert last == "The equations"
    for name in ("Skip to the predictions", "Faces", "Copy link", "Rotate the picture", "Draw",
                 ROTATION, "Sweep −180° … 180°", "equivariant_capsnet", "iteration"):  # fmt: skip
        assert name in reached
    assert "The picture. Arrow keys shift it" in " ".join(reached)
    assert sum(name.startswith("Part ") for name in reached) == 12
    assert "" not in reached


def test_keys_move_the_picture(screen: "Screen") -> None:
    screen.open("#set=digits&image=0")
    before = screen.pixels(STAGE)
    screen.page.locator(".stage").focus()
    screen.page.keyboard.press("ArrowRight")
    screen.page.keyboard.press(",")
    screen.drawn()
    assert screen.page.get_by_label(ROTATION).first.input_value() == "5"
    assert screen.pixels(STAGE) != before
    screen.page.keyboard.press("Home")
    screen.drawn()
    assert screen.pixels(STAGE) == before


def test_without_runs_digits_are_shown_and_faces_are_offered_to_train(
    bare_address: str, screen: "Screen"
) -> None:
    page = screen.page
    page.goto(bare_address)
    page.wait_for_selector("#bench:not([hidden])")
    assert page.locator("[data-model=cnn] .says strong").count() == 1
    screen.press("Faces")
    page.get_by_role("heading", name="No network for faces has been trained yet").wait_for()
    assert page.get_by_role("button", name="Train both").is_enabled()
    assert not page.locator("#bench").is_visible()


def test_training_is_followed_to_its_end(bare_address: str, screen: "Screen") -> None:
    """The server is played: what it answers is in its own tests, and training takes a minute."""
    page, told = screen.page, {"models": 2, "epochs": 20, "message": "", "set": "faces"}
    running = {"state": "running", "model": "cnn", "epoch": 5, "models_done": 1, "accuracy": 0.5}
    done = {"state": "done", "model": None, "epoch": 0, "models_done": 2, "accuracy": None}
    now = {**told, **running}
    trained: list[str] = []

    def answer(state: dict[str, object]) -> str:
        return json.dumps(state)

    begun = {**told, "state": "running", "model": None, "epoch": 0, "models_done": 0}
    page.route("**/api/train", lambda r: r.fulfill(body=answer({**begun, "accuracy": None})))
    page.route("**/api/training", lambda r: r.fulfill(body=answer(now)))
    page.on("request", lambda r: trained.append(r.url) if r.url.endswith("/api/state") else None)
    page.goto(bare_address + "#set=faces")
    screen.press("Train both")
    bar = page.get_by_role("progressbar")
    page.get_by_text("cnn, network 2 of 2, epoch 5 of 20, 50 % validation accuracy").wait_for()
    assert float(bar.evaluate("bar => bar.value")) == pytest.approx((1 + 5 / 20) / 2)
    now.update(done)
    # The state is read anew; this server still has no networks, so that the offer is made again.
    page.get_by_role("button", name="Train both").wait_for()
    assert len(trained) == 2


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_sticks_out_in_either_theme(screen: "Screen", width: int, scheme: str) -> None:
    screen.page.set_viewport_size({"width": width, "height": 800})
    screen.page.emulate_media(color_scheme=scheme)  # pyright: ignore[reportArgumentType]
    for state in ("#set=digits&image=0", "theory.html"):
        if state.startswith("#"):
            screen.open(state)
            screen.settled()
        else:
            screen.page.goto(screen.address + state)
        assert screen.page.evaluate("document.documentElement.scrollWidth") == width
        paper = screen.page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert paper == {"light": "rgb(255, 255, 255)", "dark": "rgb(14, 17, 21)"}[scheme]


def test_the_theme_is_switched_and_kept(screen: "Screen") -> None:
    screen.open()
    before = screen.pixels(STAGE)
    screen.press("Switch between light and dark")
    assert screen.page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert screen.pixels(STAGE) != before
    screen.open()
    assert screen.page.evaluate("document.documentElement.dataset.theme") == "dark"


def test_links_to_equations_lead_to_them(screen: "Screen") -> None:
    screen.open()
    links = screen.page.eval_on_selector_all("a.eq", "all => all.map(a => a.getAttribute('href'))")
    screen.page.goto(screen.address + "theory.html")
    assert len(links) == 5
    for link in links:
        assert screen.page.locator(f"section#{link.split('#')[1]}").count() == 1
    assert screen.page.locator("math[display=block]").count() == 11
