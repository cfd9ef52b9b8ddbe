"""`seg_capsnet` beside a U-Net of the same size on the drawn faces with masks of their parts, and
the memory of one large image:
`python benchmarks/segmentation.py [--seeds N] [--quick] [--out DIR]`.

Dice and IoU are those of the test split by the weights of the last epoch, which chooses nothing.
`seconds` are those of training with validation on `threads` threads of a machine that may do other
things; `cpu_seconds` count what this process alone was given. `peak_mb` is the most memory that a
fresh process held which takes one training step on one image of 512 x 512.
"""

import argparse
import resource
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import torch

import torchcaps as tc
from ledger import Ledger, Row
from torchcaps.training import Recipe, evaluate
from torchcaps.training.class_metrics import metrics_of

MODELS = ("seg_capsnet", "unet")
RECIPE = Recipe(
    data="face_parts", epochs=3, batch_size=16, lr=0.005, schedule="cosine", precision="fp32"
)
LARGE = 512


def main() -> None:
    parser = argparse.ArgumentParser(description="Segmentation of drawn faces, and its memory.")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="few images, to see that it works")
    parser.add_argument("--peak", choices=MODELS, help="only the memory of one step, in MB")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/segmentation"))
    options = parser.parse_args()
    if options.peak:
        print(peak_mb(options.peak))
        return
    ledger = Ledger(options.out, "segmentation", minutes=120, tiny=options.quick)
    for name in MODELS:
        ledger.measure({"model": name, "image": f"{LARGE}x{LARGE}"}, partial(memory, name))
        for seed in range(options.seeds):
            case = {"model": name, "seed": seed}
            ledger.measure(case, partial(trained, name, seed, options.quick))
    ledger.save()
    raise SystemExit(ledger.failed)


def trained(name: str, seed: int, quick: bool) -> Row:
    few = {"epochs": 1, "train_images": 64} if quick else {}
    recipe = Recipe(**{**RECIPE.__dict__, "model": name, "seed": seed, **few})
    start, given = time.perf_counter(), time.process_time()
    model, history = tc.train(name, "face_parts", recipe=recipe, quiet=True)
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - given
    test = recipe.load_data("test")
    assert isinstance(model, tc.models.Model)
    metrics = metrics_of(model)
    found = evaluate(model, test, model.make_loss(), batch_size=50, metrics=metrics)
    figures = metrics.compute()
    return {
        "parameters": sum(p.numel() for p in model.parameters()),
        "epochs": len(history),
        "training": len(recipe.load_data("train")),
        "test": len(test),
        "mean_dice": found.score,
        "mean_iou": float(figures["iou"][1:].mean()),
        "pixel_accuracy": found.accuracy,
        **{f"dice {k}": v for k, v in zip(model.classes, figures["dice"].tolist(), strict=True)},
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
        "threads": torch.get_num_threads(),
    }


def memory(name: str) -> Row:
    command = [sys.executable, __file__, "--peak", name]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return {"peak_mb": float(told)}


def peak_mb(name: str) -> float:
    """Of this process, after one step on one image."""
    model = tc.create_model(name, (1, LARGE, LARGE), 5)
    images, masks = torch.rand(1, 1, LARGE, LARGE), torch.randint(5, (1, LARGE, LARGE))
    model.make_loss()(model(images, masks), images, masks).backward()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
