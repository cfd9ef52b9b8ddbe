"""`capsnet1d` beside `cnn1d` on signals and sequences, trained alike with nothing set:
`python benchmarks/signals.py DATASET.npz ... [--seeds N] [--quick] [--out DIR]`.

Each dataset, model and seed is a row: what `torchcaps train --data arrays --root DATASET.npz
--model MODEL --seed SEED` reaches on the test split with the weights of the last epoch, in percent.
The test split chooses nothing. `summary.json` has means, deviations and whether `capsnet1d` is
ahead: whether its mean is higher by more than the larger deviation over the seeds.
"""

import argparse
import json
import time
from pathlib import Path

import torch

import torchcaps as tc
from ledger import Ledger, Row, lines
from torchcaps.studies.results import Results
from torchcaps.training import Recipe, evaluate

MODELS = ("capsnet1d", "cnn1d")


def main() -> None:
    parser = argparse.ArgumentParser(description="Networks on signals and sequences.")
    parser.add_argument("datasets", type=Path, nargs="+", help="files of load_dataset('arrays')")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="one epoch, to see that it works")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/signals"))
    options = parser.parse_args()
    ledger = Ledger(options.out, "signals", minutes=120, tiny=options.quick)
    for seed in range(options.seeds):
        for path in options.datasets:
            for model in MODELS:
                case = {"dataset": path.stem, "model": model, "seed": seed}
                epochs = 1 if options.quick else None
                ledger.measure(case, lambda p=path, m=model, s=seed, e=epochs: trained(p, m, s, e))
    ledger.save()
    found = {name: summary(rows) for name, rows in lines(ledger.rows, "dataset").items()}
    (options.out / "summary.json").write_text(json.dumps(found, indent=1) + "\n")
    raise SystemExit(ledger.failed)


def trained(path: Path, name: str, seed: int, epochs: int | None) -> Row:
    """One network with the default recipe, tested once, after its last epoch."""
    recipe = Recipe(model=name, data="arrays", root=str(path), seed=seed, epochs=epochs)
    start = time.perf_counter()
    model, history = tc.train(name, "arrays", recipe=recipe, quiet=True)
    seconds = time.perf_counter() - start
    test = recipe.load_data("test")
    assert isinstance(model, tc.models.Model)
    found = evaluate(model, test, model.make_loss())
    return {
        "parameters": sum(p.numel() for p in model.parameters()),
        "epochs": len(history),
        "training": len(recipe.load_data("train")),
        "validation_accuracy": 100 * history[-1]["accuracy"],
        "test": len(test),
        "test_accuracy": 100 * found.accuracy,
        "seconds": seconds,
        "threads": torch.get_num_threads(),
    }


def summary(rows: list[Row]) -> Row:
    """Mean and deviation over the seeds of each model, and whether the first is ahead."""
    results = Results()
    for name, own in lines(rows, "model").items():
        results.add(name, "accuracy", [row["test_accuracy"] for row in own])
    return {
        **{
            name: {
                "mean": results.mean(name, "accuracy"),
                "sd": results.sd(name, "accuracy"),
                "seeds": len(results.values(name, "accuracy")),
            }
            for name in MODELS
        },
        f"{MODELS[0]} is": results.difference(*MODELS, "accuracy").verdict,
    }


if __name__ == "__main__":
    main()
