"""Every routing on a CPU, as a textbook has it, all votes at once and tile by tile:
`python benchmarks/routings.py [--quick] [--out DIR]`.

Each routing and size is a row an engine: milliseconds forward and backward (minimum and median of
interleaved rounds), extra memory at its peak as a share of one tensor of votes (cluster routing's
are four poses a pair; the gradients of children and parameters are counted), and the largest
relative error of poses and gradients against float64, which is checked first.
"""

import argparse
from copy import deepcopy
from functools import partial
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from ledger import Ledger, brief
from problems import TOLERANCE, Sizes
from textbook import textbook
from timing import Call, extra_megabytes, times
from torchcaps.nn import ROUTINGS, DenseCapsules
from torchcaps.ops import lengths

MNIST = Sizes(128, 1152)
SWEEP = (
    MNIST,
    MNIST._replace(B=32, J=32),
    MNIST._replace(B=32, I=4096),
    MNIST._replace(B=16, J=100),
    MNIST._replace(B=2, I=16_384, J=100),
)
QUICK = (Sizes(4, 64), Sizes(4, 128, J=5))
# All votes at once hold about this many tensors like the votes; beyond the bytes it is not run.
COPIES, MOST_BYTES = 20, 14e9
CHECKED = 4  # images, or as many as fit in float64


def main() -> None:
    parser = argparse.ArgumentParser(description="Every routing on a CPU, by both engines.")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to see that it works")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    options = parser.parse_args()
    ledger = Ledger(options.out, "routings_cpu", minutes=60, tiny=options.quick)
    for sizes in QUICK if options.quick else SWEEP:
        for name in ROUTINGS:
            measure(ledger, name, sizes, rounds=3)
    ledger.save()
    raise SystemExit(ledger.failed)


def measure(ledger: Ledger, name: str, sizes: Sizes, rounds: int) -> None:
    """One row an engine; they take turns, so that whatever else runs slows both alike."""
    case = {"routing": name, **sizes._asdict()}
    if ledger.find({"engine": "tiled", **case}):
        return
    torch.manual_seed(0)
    layer = DenseCapsules(sizes.I, sizes.E, sizes.J, sizes.D, routing=name).eval()
    u = F.normalize(torch.randn(sizes.B, sizes.I, sizes.E), dim=-1).div(2).requires_grad_()
    a = lengths(u).detach()
    votes_bytes = 4.0 * sizes.B * sizes.I * sizes.J * sizes.D * layer.routing.algorithm().votes_each
    engines = ["textbook", "whole", "tiled"]
    if COPIES * votes_bytes > MOST_BYTES:
        engines = ["tiled"]
    if "dynamic" in name:
        engines.append("auto")
    calls: dict[str, Call] = {e: partial(step, layer, u, a, e) for e in engines}
    # The reference is of float64: as many images as fit, beside weights and their gradients.
    weights = 3 * 4 * sum(p.numel() for p in layer.parameters())
    fitting = int((MOST_BYTES / 2 - weights) / (COPIES * votes_bytes / sizes.B))
    if fitting < 1:
        print(f"{brief(case)}  not run: its check in float64 would not fit in memory", flush=True)
        return
    checked = {engine: error(layer, u[: min(CHECKED, fitting)], engine) for engine in engines}
    for engine, row in times(calls, rounds).items():
        share = extra_megabytes(calls[engine]) * 1e6 / votes_bytes
        passed = checked[engine] <= 10 * TOLERANCE["float32"]
        found = {"memory_of_votes": share, "error": checked[engine], "passed": passed}
        ledger.add({"engine": engine, **case, **row, **found})


def step(layer: DenseCapsules, u: Tensor, a: Tensor, engine: str) -> list[Tensor]:
    """Poses and activations, then the gradients of children and parameters."""
    if engine == "textbook":
        out = textbook(layer, u, a)
    else:
        layer.backend = engine
        out = layer.route(u, a)
    leaves = [u, *(p for p in layer.parameters() if p.requires_grad)]
    total = out.poses.square().sum() + out.activations.sum()
    found = torch.autograd.grad(total, leaves, allow_unused=True)
    return [out.poses.detach(), out.activations.detach(), *(x for x in found if x is not None)]


def error(layer: DenseCapsules, u: Tensor, engine: str) -> float:
    """The largest relative error of a tensor in `step` against all votes at once in float64."""
    a = lengths(u).detach()
    exact = step(
        deepcopy(layer).double(), u.detach().double().requires_grad_(), a.double(), "whole"
    )
    found = step(layer, u.detach().requires_grad_(), a, engine)
    pairs = zip(found, exact, strict=True)
    return max(float((a.double() - b).norm() / b.norm().clamp_min(1e-12)) for a, b in pairs)


if __name__ == "__main__":
    main()
