"""How fast the explorer's page is: `python benchmarks/explorer.py [RUN ...] [--quick] [--out DIR]`.

view    from a question about a moved image (/api/view) to its answer, over HTTP.
redraw  from a moved slider to the frame that shows the new answer, in a headless Chromium.

The server is `torchcaps explore` in a process of its own, on the runs that are named; with none, on
untrained networks for 28x28 images (weights cost no time): one alone, and the two of the promise
side by side. The image is turned to other degrees in each question. Beside every figure, the scores
that came back, or that the page shows, are compared with those of the model called directly.
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

import httpx
import torch
from PIL import Image

import torchcaps as tc
from ledger import Ledger, NotRun, Row
from torchcaps.data.transforms import affine
from torchcaps.training import Recipe
from torchcaps.training.run_folder import CONFIG

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
    last = angles(times + 3)[-1]
    errors = [
        max(abs(a - b) for a, b in zip(said["scores"], direct(run, last), strict=True))
        for said, run in zip(answer["answers"], runs, strict=True)
    ]
    return summary(taken[3:], max(errors), 1e-4)


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
        last, errors = angles(times + 3)[-1], []
        for run in runs:
            model = tc.load_model(run)
            rows = page.locator(f"[data-model={model.name}] li")
            shown = rows.evaluate_all("rows => rows.map(row => row.ariaLabel)")
            said = dict(label.rsplit(": ", 1) for label in shown)
            errors += [
                abs(float(said[name]) - score)
                for name, score in zip(model.classes, direct(run, last), strict=True)
            ]
        browser.close()
    return summary(taken[3:], max(errors), 0.006)  # the page shows two digits


def angles(count: int) -> list[int]:
    """All of them different from the one before."""
    return [(37 * k) % 361 - 180 for k in range(1, count + 1)]


@torch.no_grad()
def direct(run: str, degrees: float) -> list[float]:
    """The scores of the model in this folder, called here."""
    model = tc.load_model(run)
    image, _ = Recipe.load(Path(run) / CONFIG).load_data("test")[INDEX]
    out = model(affine(image[None], degrees=degrees))
    return (out.scores if out.poses is not None else out.scores.softmax(-1))[0].tolist()


def summary(taken: Times, error: float, bar: float) -> Row:
    return {
        "ms_median": statistics.median(taken),
        "ms_95": statistics.quantiles(taken, n=20)[-1],
        "ms_least": min(taken),
        "error": error,
        "passed": error < bar,
    }


if __name__ == "__main__":
    main()
