"""Part (b): routing side by side, over its roofline floor, in a sweep, and with other tiles.

The floor. R passes over the votes, each of which forms them once (2 B I J D E operations), and in
all but the first their agreement with the poses, and in each their weighted sum (2 B I J D); the
gradient through the last iteration alone forms two such products and two such sums. Every pass must
see all of u and all of the weight, each read once, and the gradient writes as much as it reads:

    floor = max(operations / rate of the unit, bytes / bandwidth)

with both rates measured on the device in the same run.
"""

import os
from functools import partial
from typing import Any

import torch

from ledger import Ledger, NotRun, Row, device, lines
from problems import Sizes, draw, errors, gradients, passed, ways
from timing import captured, ceilings, extra_megabytes, times
from torchcaps.ops.routing import dynamic_triton_plan

MNIST = Sizes(128, 1152)
SWEEP = (
    *(MNIST._replace(B=b) for b in (512, 1, 8, 32, 128, 2048)),
    *(MNIST._replace(I=i) for i in (288, 4096, 16_384)),
    *(MNIST._replace(J=j) for j in (32, 100)),
    MNIST._replace(I=16_384, J=100),
    MNIST._replace(B=512, positions=36),
)
COMPILED = SWEEP[0], MNIST
TINY = (Sizes(2, 8, 3, 4, 3), Sizes(4, 8, 3, 4, 3))
TILES = ((64, 8, 4), (64, 16, 8), (32, 8, 4), (32, 16, 4), (128, 8, 8), (64, 8, 8))


def run(ledger: Ledger, tiny: bool) -> None:
    peak = ledger.measure({"case": "ceilings"}, ceilings)
    for sizes in TINY if tiny else SWEEP:
        for dtype in ("float32",) if tiny else ("float32", "bfloat16"):
            for name in ("textbook", "eager", "compiled", "chunked", "triton"):
                if name == "compiled" and (tiny or sizes not in COMPILED):
                    continue  # compiling takes longer than all the rest
                case = {"case": "routing", "way": name, "dtype": dtype, **sizes._asdict()}
                ledger.measure(case, partial(one_way, name, sizes, dtype, peak))
    for dtype in ("float32", "bfloat16"):
        for tiles in TILES if device().type == "cuda" else ():
            case = {"case": "tiles", "dtype": dtype, "tiles": str(tiles)}
            ledger.measure(case, partial(with_tiles, tiles, MNIST._replace(B=512), dtype, peak))
    ledger.figure(draw_sweep)


def one_way(name: str, sizes: Sizes, dtype: str, peak: Row | None) -> Row:
    """Times of one way, forward and with gradients, called and as a CUDA graph; errors beside."""
    # A textbook forward and backward hold 18 tensors like the votes at once, others up to six.
    votes = sizes.B * sizes.I * sizes.J * sizes.D * (4 if dtype == "float32" else 2)
    needs = votes * (18 if name == "textbook" else 6)
    if name in ("textbook", "eager", "compiled") and needs > _memory():
        raise NotRun(f"it needs about {needs / 1e9:.0f} GB")
    way = ways()[name]
    problem, towards = draw(sizes, dtype, device(), int.from_bytes(os.urandom(4), "little"))
    found = errors(problem, way, towards)
    # Half-precision votes lose digits in the plain ways; that is theirs, and shown.
    row: Row = {**found, "passed": passed(found, dtype)}
    calls = {"": lambda: gradients(problem, way, towards), "forward_": lambda: way(problem)}
    if device().type == "cuda":
        calls["graph_"] = captured(calls[""])
        calls["forward_graph_"] = captured(calls["forward_"])
    for prefix, numbers in times(calls, rounds=20).items():
        row |= {f"{prefix}{key}": value for key, value in numbers.items()}
    row["megabytes"] = extra_megabytes(calls[""])
    if peak is not None:
        floor = floor_ms(sizes, dtype, peak)
        row |= {"floor_ms": floor, "over_floor": row.get("graph_ms", row["ms"]) / floor}
    return row


def with_tiles(tiles: tuple[int, int, int], sizes: Sizes, dtype: str, peak: Row | None) -> Row:
    """The kernels with other tiles than the defaults."""
    usual = dynamic_triton_plan.default_tiles
    chosen = dynamic_triton_plan.Tiles(*tiles)
    dynamic_triton_plan.default_tiles = lambda *_: chosen
    try:
        return one_way("triton", sizes, dtype, peak)
    finally:
        dynamic_triton_plan.default_tiles = usual


def floor_ms(sizes: Sizes, dtype: str, peak: Row, iterations: int = 3) -> float:
    """Forward and gradients at the speed the device allows (see above)."""
    b, i, j, d, e, positions = sizes
    product, elementwise = 2 * b * i * j * d * e, 2 * b * i * j * d
    work = (iterations + 2) * product + (2 * iterations - 1 + 2) * elementwise
    width = 4 if dtype == "float32" else 2
    inputs = width * (b * i * e + i // positions * j * d * e)
    moved = (iterations + 2) * inputs
    return 1e3 * max(work / peak[dtype], moved / peak["bytes"])


def _memory() -> float:
    return torch.cuda.mem_get_info()[0] if device().type == "cuda" else 2e9


def draw_sweep(figure: Any, rows: list[Row]) -> None:
    """Time and extra memory against the number of votes."""
    left, right = figure.subplots(1, 2)
    done = [row for row in rows if row["case"] == "routing" and row["dtype"] == "float32"]
    done = [row for row in done if row["passed"]]
    for name, of_one in lines(done, "way").items():
        of_one.sort(key=_votes)
        sizes = [_votes(row) for row in of_one]
        left.loglog(sizes, [row.get("graph_ms", row["ms"]) for row in of_one], "o-", label=name)
        if all(row["megabytes"] for row in of_one):
            right.loglog(sizes, [row["megabytes"] for row in of_one], "o-", label=name)
    left.set(xlabel="votes (B I J D)", ylabel="forward and backward, ms")
    right.set(xlabel="votes (B I J D)", ylabel="extra memory, MB")
    left.legend()


def _votes(row: Row) -> int:
    return row["B"] * row["I"] * row["J"] * row["D"]
