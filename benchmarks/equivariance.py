"""Trained upright, tested turned: `python benchmarks/equivariance.py PART [--out DIR]`.

series  5,000 upright MNIST digits, 20 epochs, a run a seed; all test digits from -45 to 45 by 7.5.
full    55,000 upright digits, 10 epochs; the full circle by 30 degrees, with both windows.
circle  the same, the full circle being taught too: a 6 is to be told from a 9 by its drawing alone.
layers  untrained weights: the error of every layer by 22.5 and 45 degrees, n = 8 and 16.
step    the time of a training step beside that of `capsnet`.

No rotated image is seen in training. Quarter turns are checked for exactness in float64, on the
trained weights, before any figure is printed. Runs are kept in a folder, `--runs`, and taken up
where they stopped.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import mean
from typing import NamedTuple

import torch
from torch import Tensor

from equivariance_layers import layer_errors, step_times
from equivariance_measures import check_exactness, measure, poses_of, whose_upright
from torchcaps.analysis.metrics import spread
from torchcaps.data import ImageDataset
from torchcaps.files import write_whole
from torchcaps.machine import machine
from torchcaps.models import EquivariantCapsNet
from torchcaps.studies.runs import trained
from torchcaps.training import Recipe

HALF = tuple(7.5 * k for k in range(-6, 7))
CIRCLE = tuple(30.0 * k for k in range(-6, 7))


class Part(NamedTuple):
    train_images: int | None
    epochs: int
    window: float
    angles: Sequence[float]


TRAINED = {
    "series": Part(5000, 20, 60.0, HALF),
    "full": Part(None, 10, 60.0, CIRCLE),
    "circle": Part(None, 10, 180.0, CIRCLE),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("part", choices=[*TRAINED, "layers", "step"])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, help="instead of the part's own")
    parser.add_argument("--quick", action="store_true", help="128 of the 8x8 digits, one epoch")
    parser.add_argument("--runs", type=Path, default=Path("runs/equivariance"))
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/equivariance"))
    options = parser.parse_args()
    if options.part == "layers":
        results = layer_errors()
    elif options.part == "step":
        results = step_times()
    else:
        results = accuracies(options)
    options.out.mkdir(parents=True, exist_ok=True)
    about = {"machine": machine(), "part": options.part, "quick": options.quick}
    text = json.dumps({**about, **results}, indent=1)
    (options.out / f"{options.part}.json").write_text(text + "\n")


def accuracies(options: argparse.Namespace) -> dict[str, object]:
    part = TRAINED[options.part]
    recipes = [make_recipe(part, options, seed) for seed in options.seeds]
    test_set = recipes[0].load_data("test")
    seeds, upright_angles, parameters = [], [], 0
    for recipe in recipes:
        folder = options.runs / f"{options.part}-{recipe.seed}"
        model = trained(recipe, folder, quiet=False)
        assert isinstance(model, EquivariantCapsNet)
        check_exactness(model)
        upright = poses_of(model, test_set, 0.0)
        upright_angles.append(model.angle(upright))
        seeds.append(curve(model, test_set, part.angles, folder, upright))
        parameters = sum(p.numel() for p in model.parameters())
    print(f"equivariant_capsnet, {parameters:,} parameters; mean over {len(seeds)} seeds")
    table = [summary([seed[k] for seed in seeds]) for k in range(len(seeds[0]))]
    for row in table:
        print("   ".join(f"{name} {value:.2f}" for name, value in row.items()))
    about = {"recipe": asdict(recipes[0]), "seeds": options.seeds, "parameters": parameters}
    about["upright"] = whose_upright(torch.stack(upright_angles), test_set.labels)
    return {**about, "table": table, "by seed": seeds}


def make_recipe(part: Part, options: argparse.Namespace, seed: int) -> Recipe:
    return Recipe(
        model="equivariant_capsnet",
        data="digits" if options.quick else "mnist",
        train_images=128 if options.quick else part.train_images,
        epochs=1 if options.quick else options.epochs or part.epochs,
        schedule="cosine",
        lr=3e-3,
        shift=1,
        # Images that lie any way on the grid of their pixels, as turned ones do.
        subpixel=True,
        seed=seed,
        model_options={"decoder": "none", "window": part.window},
    )


def curve(
    model: EquivariantCapsNet,
    test_set: ImageDataset,
    angles: Sequence[float],
    folder: Path,
    upright: Tensor,
) -> list[dict[str, float]]:
    """`measure` at every angle, kept beside the run as soon as it is known."""
    kept = folder / "angles.json"
    rows = json.loads(kept.read_text()) if kept.is_file() else []
    if [row["degrees"] for row in rows] != list(angles[: len(rows)]):
        rows = []
    for angle in angles[len(rows) :]:
        rows.append(measure(model, test_set, angle, upright))
        write_whole(kept, json.dumps(rows).encode())
    return rows


def summary(rows: list[dict[str, float]]) -> dict[str, float]:
    """Mean over the seeds, and the standard deviation of the accuracy."""
    table = {name: mean(row[name] for row in rows) for name in rows[0]}
    return {**table, "sd": spread([row["window 60"] for row in rows])}


if __name__ == "__main__":
    main()
