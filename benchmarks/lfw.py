"""Faces or no faces, in five folds: `python benchmarks/lfw.py lfw_subset.npy [--out DIR]`.

The file has 200 crops of 25 x 25 pixels, [200, 25, 25] from 0 to 1, first 100 faces from Labeled
Faces in the Wild, then 100 crops without a face, as scikit-image ships it. Every fifth of each kind
is tested by networks trained on the rest, with a fixed recipe, by the weights of the last epoch.
"""

import argparse
import statistics
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import TensorDataset

import torchcaps as tc
from ledger import Ledger, Row

FOLDS, SEEDS, EACH = 5, 3, 100
# A CNN of about as many parameters as capsnet_small has at this size.
MODELS: dict[str, dict[str, Any]] = {"capsnet_small": {}, "cnn": {"hidden": 200}}
RECIPE = tc.training.Recipe(epochs=40, batch_size=16, schedule="cosine", shift=1, flip="horizontal")


def main() -> None:
    parser = argparse.ArgumentParser(description="Faces or none: five folds of 200 crops.")
    parser.add_argument("file", type=Path, help="lfw_subset.npy")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    options = parser.parse_args()
    images = torch.from_numpy(np.load(options.file)).float().unsqueeze(1)
    labels = (torch.arange(2 * EACH) >= EACH).long()
    if images.shape != (2 * EACH, 1, 25, 25):
        raise SystemExit(f"lfw.py, file: expected [200, 25, 25]; got {tuple(images.shape)}")
    ledger = Ledger(options.out, "lfw", minutes=60)
    for seed in range(SEEDS):
        for name in MODELS:
            ledger.measure(
                {"model": name, "seed": seed}, partial(folds, name, seed, images, labels)
            )
    ledger.save()
    raise SystemExit(ledger.failed)


def folds(name: str, seed: int, images: Tensor, labels: Tensor) -> Row:
    """Accuracy in percent of the fold left out, over the folds."""
    recipe = replace(RECIPE, seed=seed, model_options=MODELS[name])
    found, parameters = [], 0
    for fold in range(FOLDS):
        tested = torch.arange(len(labels)) % FOLDS == fold
        rest = TensorDataset(images[~tested], labels[~tested])
        model = tc.train(name, rest, recipe=recipe, quiet=True).model
        with torch.no_grad():
            right = model(images[tested]).scores.argmax(-1) == labels[tested]
        found.append(100 * right.float().mean().item())
        parameters = sum(p.numel() for p in model.parameters())
    return {"parameters": parameters, "accuracy": statistics.mean(found), "folds": found}


if __name__ == "__main__":
    main()
