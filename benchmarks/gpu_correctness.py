"""Part (a): the kernels against float64, outputs and every gradient, on fresh random inputs."""

import os
from contextlib import nullcontext
from functools import partial
from itertools import product
from typing import Any

import torch

from ledger import Ledger, Row, device
from problems import Sizes, draw, errors, gradients, passed, through
from torchcaps.ops.routing import dynamic_triton

SIZES = (
    Sizes(512, 1152),
    Sizes(1, 7, 1, 5, 3),
    Sizes(3, 63, 3, 5, 3),
    Sizes(130, 1152, positions=36),
    Sizes(16, 4096, 100),
    Sizes(33, 100, 7, 17, 1),
    Sizes(8, 50, 3, 64, 64),
    Sizes(20, 96, 5, 32, 32),
)
TINY = (Sizes(2, 4, 2, 3, 3), Sizes(1, 6, 1, 5, 2, positions=3))
# Every size compiles a dozen kernels: the half-precision ones see fewer.
WANTED = {"float32": SIZES, "bfloat16": SIZES[:4], "float16": SIZES[:1]}
OPTIONS = (
    {"detach": True, "bias": False, "leaky": False},
    {"detach": False, "bias": True, "leaky": True},
)


def run(ledger: Ledger, tiny: bool) -> None:
    interpreted = dynamic_triton.interpreted() if device().type == "cpu" else nullcontext()
    wanted = {"float32": TINY} if tiny else WANTED
    with interpreted:
        for dtype, all_sizes in wanted.items():
            for sizes, options in product(all_sizes, OPTIONS):
                case = {"dtype": dtype, **sizes._asdict(), **options}
                row = ledger.measure(case, partial(check, sizes, dtype, options))
                ledger.failed |= row is not None and not (row["passed"] and row["repeats"])
    right = sum(row["passed"] and row["repeats"] for row in ledger.rows)
    print(f"{right} of {len(ledger.rows)} cases that were run are right")
    ledger.figure(draw_errors)


def check(sizes: Sizes, dtype: str, options: dict[str, bool]) -> Row:
    """Errors, whether they are small enough, and whether a second run gives the same bits.

    Memory that nobody wrote is NaN meanwhile: PyTorch's deterministic mode fills it.
    """
    seed = int.from_bytes(os.urandom(4), "little")
    problem, towards = draw(sizes, dtype, device(), seed, **options)
    way = through("triton")
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        found = errors(problem, way, towards)
        first, second = (gradients(problem, way, towards) for _ in range(2))
    finally:
        torch.use_deterministic_algorithms(before)
    repeats = all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    return {"seed": seed, **found, "passed": passed(found, dtype), "repeats": repeats}


def draw_errors(figure: Any, rows: list[Row]) -> None:
    axes = figure.subplots()
    for name in ("poses", "grad_u", "grad_weight", "grad_bias"):
        axes.semilogy([row.get(f"error_{name}") or None for row in rows], "o", label=name)
    axes.set(xlabel="case (row of the table)", ylabel="relative error against float64")
    axes.legend()
