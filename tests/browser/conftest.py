"""A real server with small trained networks, and a real browser that looks at it."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
import uvicorn

from torchcaps.explorer.server import make_app
from torchcaps.explorer.serving import listen
from torchcaps.explorer.state import open_explorer
from torchcaps.training import Recipe, train

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page

CHROMIUM = Path("/usr/bin/chromium")
OPTIONS = (
    "--no-sandbox", "--disable-gpu", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-first-run",
)  # fmt: skip
# window: with the full circle in view a quarter turn of the picture turns the pose by a quarter
# whatever was learnt, so that a test of the needle is a test of the page.
TURNING = {"window": 180, "channels": (4, 8), "types": 8, "decoder": "mlp", "decoder_width": 64}
DIGITS = (
    Recipe(model="capsnet_small", data="digits", epochs=6),
    Recipe(model="equivariant_capsnet", data="digits", epochs=2, lr=3e-3, model_options=TURNING),
    Recipe(model="cnn", data="digits", epochs=6),
)
FACES = tuple(
    Recipe(model=model, data="faces", epochs=1, train_images=192, model_options=options)
    for model, options in (("capsnet_small", {"stem_channels": 16, "types": 4}), ("cnn", {}))
)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """One worker for all of this folder: the networks are trained once."""
    if not config.pluginmanager.hasplugin("xdist"):
        return
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.xdist_group("browser"))


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Folders of the trained networks of both sets."""
    root = tmp_path_factory.mktemp("runs")
    return [
        str(train(recipe, root / f"{recipe.data}-{recipe.model}", quiet=True))
        for recipe in (*DIGITS, *FACES)
    ]


@contextmanager
def serving(runs: list[str]) -> Iterator[str]:
    """The address of a server of these runs, on a free port."""
    host = "127.0.0.1"
    with listen(host, 0) as listening:
        app = make_app(open_explorer(runs))
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
        thread = Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        yield f"http://{host}:{listening.getsockname()[1]}/"
        server.should_exit = True
        thread.join(timeout=10)


@pytest.fixture(scope="session")
def address(runs: list[str]) -> Iterator[str]:
    with serving(runs) as address:
        yield address


@pytest.fixture
def bare_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server without any run."""
    monkeypatch.chdir(tmp_path)
    with serving([]) as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    """A browser for each file: while it lives, its event loop runs in this thread, and another
    folder's test of the same worker could not run one of its own."""
    pytest.importorskip("playwright", reason="playwright is not installed")
    found = str(CHROMIUM) if CHROMIUM.is_file() else shutil.which("chromium")
    if found is None:
        pytest.skip("no chromium on this machine; on Debian: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=found, args=list(OPTIONS))
        yield browser
        browser.close()


class Screen:
    """A page of the explorer, and all that it asked for and complained about."""

    def __init__(self, context: "BrowserContext", address: str) -> None:
        self.address = address
        self.complaints: list[str] = []
        self.hosts: set[str] = set()
        # A test that provokes a refusal names its status here: the browser reports it.
        self.refusals: tuple[int, ...] = ()
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        self.page: Page = context.new_page()
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self._asked(request.url))

    def open(self, state: str = "", *, address: str | None = None) -> None:
        """Open the explorer anew in this state (a permalink's hash), drawn to the end."""
        self.page.goto("about:blank")
        self.page.goto((address or self.address) + state)
        self.page.wait_for_selector("#bench:not([hidden])")
        self.drawn()

    def drawn(self) -> None:
        """Wait until the newest state is on the page."""
        self.page.wait_for_function(
            "() => { const {asked, drawn} = document.documentElement.dataset;"
            " return +asked > 0 && asked === drawn; }"
        )

    @property
    def asked(self) -> int:
        """The number of the newest state."""
        return int(str(self.page.evaluate("document.documentElement.dataset.asked")))

    def redrawn(self, since: int) -> None:
        """Wait for a state newer than that number: one that waits for the server to begin."""
        self.page.wait_for_function(
            "n => Number(document.documentElement.dataset.asked) > n", arg=since
        )
        self.drawn()

    def settled(self) -> None:
        """The same, with routing."""
        self.page.locator("#routing").scroll_into_view_if_needed()
        self.page.wait_for_function(
            "() => { const {asked, settled} = document.documentElement.dataset;"
            " return asked === settled && document.querySelector('.lines path') !== null; }"
        )

    def slide(self, label: str, value: float) -> None:
        """Move the slider of this label, as one event, and see it drawn."""
        self.page.get_by_label(label, exact=True).first.fill(str(value))
        self.drawn()

    def pixels(self, canvas: str) -> list[int]:
        """What is painted on a canvas."""
        return self.page.eval_on_selector(
            canvas,
            """c => {
              const copy = new OffscreenCanvas(c.width, c.height);
              const context = copy.getContext("2d", { willReadFrequently: true });
              context.drawImage(c, 0, 0);
              return [...context.getImageData(0, 0, c.width, c.height).data];
            }""",
        )

    def scores(self, model: str) -> dict[str, float]:
        """Class to score, as the panel shows them."""
        rows = self.page.locator(f"[data-model={model}] li")
        labels = [str(label) for label in rows.evaluate_all("all => all.map(li => li.ariaLabel)")]
        return {name: float(score) for name, score in (label.split(": ") for label in labels)}

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).click()

    def drag(self, locator: "Locator", *places: tuple[float, float]) -> None:
        """Press on the first of these places (shares of the element's box), let go at the last."""
        locator.scroll_into_view_if_needed()
        box = locator.bounding_box()
        assert box is not None
        points = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in places]
        self.page.mouse.move(*points[0])
        self.page.mouse.down()
        for point in points[1:]:
            self.page.mouse.move(*point)
        self.page.mouse.up()

    def _heard(self, message: "ConsoleMessage") -> None:
        refused = any(f"status of {status}" in message.text for status in self.refusals)
        if message.type in ("error", "warning") and not refused:
            self.complaints.append(message.text)

    def _asked(self, address: str) -> None:
        parts = urlsplit(address)
        if parts.scheme not in ("data", "blob", "about"):
            self.hosts.add(str(parts.hostname))


@pytest.fixture
def screen(browser: "Browser", address: str) -> Iterator[Screen]:
    """A fresh page. Whatever a test does: nothing leaves the machine, nothing goes wrong unseen."""
    context = browser.new_context(viewport={"width": 1280, "height": 1000}, reduced_motion="reduce")
    context.set_default_timeout(15_000)
    screen = Screen(context, address)
    yield screen
    context.close()
    assert screen.hosts <= {"127.0.0.1"}
    assert screen.complaints == []
