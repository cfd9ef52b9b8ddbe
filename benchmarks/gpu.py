"""All that wants a GPU, in parts that can be called one by one and continued.

    python benchmarks/gpu.py correctness|routing|train|mnist|all --out DIR [--minutes 8] [--tiny]

Every part ends when its minutes are over; the next call with the same DIR goes on where it
stopped. Results are DIR/PART.json, .csv and, where matplotlib is installed, .png; what was not
run is printed as 'not run'. From a checkout: PYTHONPATH=src and torch are enough, data are read
from $TORCHCAPS_DATA. Without a GPU the same code runs, for which --tiny has sizes.
"""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

import gpu_correctness
import gpu_mnist
import gpu_routing
import gpu_train
from ledger import Ledger, machine

PARTS: dict[str, Callable[[Ledger, bool], None]] = {
    "correctness": gpu_correctness.run,
    "routing": gpu_routing.run,
    "train": gpu_train.run,
    "mnist": gpu_mnist.run,
}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("part", choices=[*PARTS, "all"])
    parser.add_argument("--out", type=Path, required=True, help="folder of the results")
    parser.add_argument("--minutes", type=float, default=8.0, help="for each part")
    parser.add_argument("--tiny", action="store_true", help="sizes for a machine without a GPU")
    options = parser.parse_args(arguments)

    print(", ".join(f"{key} {value}" for key, value in machine().items()), flush=True)
    if not torch.cuda.is_available() and not options.tiny:
        print("not run: there is no GPU; --tiny runs the same code on sizes for a CPU")
        return 0
    chosen = list(PARTS) if options.part == "all" else [options.part]
    failed = False
    for name in chosen:
        print(f"\n== {name}", flush=True)
        ledger = Ledger(options.out, name, options.minutes, options.tiny)
        PARTS[name](ledger, options.tiny)
        failed |= ledger.failed
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main())
