"""How fast the explorer's page is: `python benchmarks/explorer.py [RUN ...] [--quick] [--out DIR]`.

view    from a question about a moved image (/api/view) to its answer, over HTTP.
redraw  from a moved slider to the frame that shows the new answer, in a headless Chromium.

The server is `torchcaps explore` in a process of its own, on the runs that are named; with none, on
untrained networks for 28x28 images (weights cost no time): one alone, and the two of the promise
side by side. The image is turned to other degrees in each question. Beside every figure, the last
scores that came back, or that the page shows, are compared with those of the models called here:
their error must be small, and smaller than what the turn changes in the scores.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import torch
from PIL import Image

import torchcaps as tc
from ledger import Ledger, NotRun, Row
from torchcaps.data.transforms import affine
from torchcaps.models import Model
from torchcaps.training import Recipe
from torchcaps.training.run_folder import CONFIG

if TYPE_CHECKING:
    from playwright.sync_api import Page

CHROMIUM = Path("/usr/bin/chromium")
CASES = (("capsnet_small",), ("equivariant_capsnet",), ("capsnet_small", "equivariant_capsnet"),
         ("capsnet",))  # fmt: skip
INDEX = 0  # of the test image that is turned
Times = list[float]  # milliseconds

# The slider is moved as a person's hand does; the page numbers its states, and says which it shows.
MOVE = """async (values) => {
  const { dataset } = document.documentElement;
  const slider = document.querySelector('[aria-label="Rotation in degrees"]');
  const frame = () => new Promise(requestAnimationFrame);
  const times = [];
  for (const value of values) {
    const before = Number(dataset.asked), begun = performance.now();
    slider.value = value;
    slider.dispatchEvent(new Event("input", { bubbles: true }));
    do await frame(); while (!(Number(dataset.asked) > before && dataset.drawn === dataset.asked));
    times.push(performance.now() - begun);
  }
  return times;
}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("runs", nargs="*", help="not of faces (default: untrained networks)")
    parser.add_argument("--quick", action="store_true", help="8x8 images and few questions")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    options = parser.parse_args()
    ledger = Ledger(options.out, "explorer", minutes=60, tiny=options.quick)
    ledger.rows = []
    times = 5 if options.quick else 200
    with tempfile.TemporaryDirectory() as folder:
        cases = [options.runs] if options.runs else untrained(Path(folder), options.quick)
        for runs in cases:
            with serving(runs) as address:
                models = " + ".join(tc.load_model(run).name for run in runs)
                for what, measure in (("view", ask), ("redraw", redraw)):
                    case = {"what": what, "models": models, "times": times}
                    ledger.measure(case, partial(measure, address, runs, times))
    sys.exit(ledger.failed)


def untrained(root: Path, quick: bool) -> list[list[str]]:
    """Run folders by case, on noise of ten classes."""
    size, cases = (8, CASES[:1]) if quick else (28, CASES)
    torch.manual_seed(0)
    for label in range(10):
        (root / "images" / str(label)).mkdir(parents=True)
        for k in range(3):
            noise = torch.randint(0, 256, (size, size), dtype=torch.uint8)
            Image.fromarray(noise.numpy()).save(root / "images" / str(label) / f"{k}.png")
    for name in {name for case in cases for name in case}:
        recipe = Recipe(
            model=name,
            data="folder",
            root=str(root / "images"),
            data_options={"size": size, "channels": 1},
            # Else capsnet's capsules are too short at the start to tell right from wrong.
            model_options={"init_std": None} if name == "capsnet" else {},
        )
        tc.save_model(recipe.build_model(recipe.load_data("test")), root / name)
        recipe.save(root / name / CONFIG)
    return [[str(root / name) for name in case] for case in cases]


@contextmanager
def serving(runs: list[str]) -> Iterator[str]:
    """The address of the explorer on these runs."""
    command = [sys.executable, "-m", "torchcaps", "explore", *runs, "--no-browser", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        try:
            assert line.startswith("explorer: "), line
            yield line.split()[1]
        finally:
            process.terminate()


def ask(address: str, runs: list[str], times: int) -> Row:
    """Questions one after the other, as the page has one under way at a time."""
    with httpx.Client(base_url=address) as client:

        def question(degrees: float) -> Row:
            source = {"kind": "test", "index": INDEX}
            body = {"set": "digits", "source": source, "transform": {"degrees": degrees}}
            return client.post("api/view", json=body).raise_for_status().json()

        taken, answer = [], {}
        for degrees in angles(times + 3):
            begun = time.perf_counter()
            answer = question(degrees)
            taken.append(1e3 * (time.perf_counter() - begun))
    said = [each["probabilities"] for each in answer["answers"]]
    return summary(taken[3:], runs, said, 1e-4)


def redraw(address: str, runs: list[str], times: int) -> Row:
    """The slider of the page, moved after each frame that shows the last move's answer."""
    if find_spec("playwright") is None or not CHROMIUM.is_file():
        raise NotRun(f"it needs playwright and {CHROMIUM}")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 1000})
        page.goto(address)
        page.wait_for_function("() => Number(document.documentElement.dataset.settled) > 0")
        taken = page.evaluate(MOVE, angles(times + 3))
        said = [shown_scores(page, tc.load_model(run)) for run in runs]
        browser.close()
    return summary(taken[3:], runs, said, 0.001)  # the page shows three digits


def shown_scores(page: "Page", model: Model) -> list[float]:
    """Class by class, as a screen reader reads them."""
    rows = page.locator(f"[data-model={model.name}] li")
    labels = rows.evaluate_all("rows => rows.map(row => row.ariaLabel)")
    said = dict(label.rsplit(": ", 1) for label in labels)
    return [float(said[name]) for name in model.classes]


def angles(count: int) -> list[int]:
    """All of them different from the one before."""
    return [(37 * k) % 361 - 180 for k in range(1, count + 1)]


def summary(taken: Times, runs: list[str], said: list[list[float]], bar: float) -> Row:
    """Times, and the error of the probabilities shown for the last angle."""
    last = angles(len(taken) + 3)[-1]
    right, upright = ([direct(run, degrees) for run in runs] for degrees in (last, 0))
    error, changed = greatest(said, right), greatest(upright, right)
    return {
        "ms_median": statistics.median(taken),
        "ms_95": statistics.quantiles(taken, n=20)[-1],
        "ms_least": min(taken),
        "error": error,
        "changed": changed,
        "passed": error < bar < changed,
    }


@torch.no_grad()
def direct(run: str, degrees: float) -> list[float]:
    """The probabilities of the model in this folder, called here."""
    model = tc.load_model(run)
    image, _ = Recipe.load(Path(run) / CONFIG).load_data("test")[INDEX]
    out = model(affine(image[None], degrees=degrees))
    return model.probabilities(out)[0].tolist()


def greatest(these: list[list[float]], those: list[list[float]]) -> float:
    """Of the differences."""
    return (torch.tensor(these) - torch.tensor(those)).abs().max().item()


if __name__ == "__main__":
    main()
