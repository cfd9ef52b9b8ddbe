"""Routing on a CPU, every way side by side: `python benchmarks/routing.py [--quick] [--out DIR]`.

Each size is a row a way: milliseconds forward, and forward and backward (minimum and median of
interleaved rounds), extra memory at its peak, and the error against float64 that was checked first.
`floor` is the chunked path's own matrix products, at full size and without anything between them:
the least that this way of computing can cost.
"""

import argparse
from functools import partial
from pathlib import Path
from typing import Any

import torch

from ledger import Ledger, NotRun, Row, lines
from problems import Case, Sizes, Way, draw, eager, errors, gradients, passed, textbook, through
from timing import Call, extra_megabytes, times

MNIST = Sizes(128, 1152)
SWEEP = (
    MNIST,
    *(MNIST._replace(B=b) for b in (1, 8, 64)),
    *(MNIST._replace(I=i) for i in (288, 4096, 16_384)),
    *(MNIST._replace(J=j) for j in (32, 100)),
    MNIST._replace(I=16_384, J=100),
    MNIST._replace(positions=36),
)
QUICK = (Sizes(8, 64), Sizes(8, 128))
# A textbook forward and backward hold 18 tensors like the votes; beyond this it is not run.
PLAIN_BYTES = 18e9


def main() -> None:
    parser = argparse.ArgumentParser(description="Routing on a CPU, every way side by side.")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to see that it works")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    options = parser.parse_args()
    ledger = Ledger(options.out, "routing_cpu", minutes=60, tiny=options.quick)
    for sizes in QUICK if options.quick else SWEEP:
        for detach in (True, False) if sizes in (MNIST, *QUICK) else (True,):
            measure(ledger, sizes, detach, rounds=3 if options.quick else 7)
    ledger.save()
    ledger.figure(figure)
    raise SystemExit(ledger.failed)


def measure(ledger: Ledger, sizes: Sizes, detach: bool, rounds: int) -> None:
    """One row a way; the ways take turns, so that whatever else runs slows all alike."""
    case = {**sizes._asdict(), "detach": detach}
    if ledger.find({"way": "chunked", **case}):
        return
    problem, towards = draw(sizes, "float32", torch.device("cpu"), seed=0, detach=detach)
    ways: dict[str, Way] = {"textbook": textbook, "eager": eager}
    if problem_bytes(sizes) > PLAIN_BYTES:
        ways = {}
        needs = f"it needs about {problem_bytes(sizes) / 1e9:.0f} GB"
        for name in ("textbook", "eager"):
            ledger.measure({"way": name, **case}, partial(_refuse, needs))
    ways["chunked"] = through("chunked")
    checked = {name: errors(problem, way, towards) for name, way in ways.items()}
    both: dict[str, Call] = {
        name: partial(gradients, problem, way, towards) for name, way in ways.items()
    }
    if detach and sizes.positions == 1:
        both["floor"] = partial(products, problem)
    forward: dict[str, Call] = {name: partial(way, problem) for name, way in ways.items()}
    with_gradients = times(both, rounds)
    with torch.no_grad():
        alone = times(forward, rounds)
    for name, row in with_gradients.items():
        found = checked.get(name, {})
        ledger.add(
            {
                "way": name,
                **case,
                **row,
                **{f"forward_{key}": value for key, value in alone.get(name, {}).items()},
                "megabytes": extra_megabytes(both[name]),
                "votes_megabytes": problem_bytes(sizes) / 6e6,
                **found,
                "passed": passed(found, "float32") if found else None,
            }
        )


def products(p: Case) -> None:
    """The matrix products of three iterations and of the gradients through the last, bare."""
    u, weight = p.u.detach(), p.weight.detach()
    children, parents, dim, child_dim = weight.shape
    wide = weight.permute(1, 2, 0, 3).reshape(parents, dim, children * child_dim)
    flat = u.flatten(1)
    s = (flat @ wide.flatten(0, 1).T).unflatten(1, (parents, dim)).transpose(0, 1)
    spread = flat.expand(parents, -1, -1)
    for _ in range(2):
        torch.bmm(s, wide)
        s = torch.bmm(spread, wide.mT)
    torch.bmm(s, wide)
    torch.bmm(s.mT, spread)


def problem_bytes(sizes: Sizes) -> float:
    """What a plain way holds at once."""
    return 18 * 4.0 * sizes.B * sizes.I * sizes.J * sizes.D


def _refuse(reason: str) -> Row:
    raise NotRun(reason)


def figure(sheet: Any, rows: list[Row]) -> None:
    """Time and memory against the number of votes, where children or parents grow."""
    left, right = sheet.subplots(1, 2)
    grown = [r for r in rows if r["B"] in (8, 128) and r["positions"] == 1 and r["detach"]]
    for name, of_one in lines(grown, "way").items():
        of_one.sort(key=_votes)
        sizes = [_votes(row) for row in of_one]
        left.loglog(sizes, [row["ms_least"] for row in of_one], "o-", label=name)
        if name != "floor":
            right.loglog(sizes, [row["megabytes"] for row in of_one], "o-", label=name)
    left.set(xlabel="votes (B I J D)", ylabel="forward and backward, ms (minimum)")
    right.set(xlabel="votes (B I J D)", ylabel="extra memory at its peak, MB")
    left.set_title("What routing costs as it grows", loc="left")
    right.set_title("Without stored votes, memory stays small", loc="left")
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.legend(frameon=False)


def _votes(row: Row) -> int:
    return row["B"] * row["I"] * row["J"] * row["D"]


if __name__ == "__main__":
    main()
