"""Trained upright, tested turned: `python benchmarks/equivariance.py [--quick] [--out DIR]`.

Trains `equivariant_capsnet` on 5,000 upright MNIST digits, without any rotated image, once a seed,
and tests it on all test digits at every angle from -45 to 45 by 7.5 degrees. Written to DIR:
equivariance.json, equivariance.csv and equivariance.png. Quarter turns are checked for exactness
in float64 before any figure is printed.
"""

import argparse
import csv
import json
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import mean, stdev

import torch
from matplotlib.figure import Figure

import torchcaps as tc
from torchcaps.data import ImageDataset
from torchcaps.data.transforms import rotate
from torchcaps.models import EquivariantCapsNet, load_model
from torchcaps.training import Recipe, train

ANGLES = tuple(7.5 * k for k in range(-6, 7))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="two epochs on the 8x8 digits")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--options", type=json.loads, default={}, help="of the model, as JSON")
    parser.add_argument("--lr", type=float, default=3e-3)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    options = parser.parse_args()
    rows, recipe, parameters = [], Recipe(), 0
    for seed in range(options.seeds):
        recipe = make_recipe(options.quick, options.lr, options.options, seed)
        with tempfile.TemporaryDirectory() as folder:
            model = load_model(train(recipe, Path(folder) / "run"))
        assert isinstance(model, EquivariantCapsNet)
        check_exactness(model)
        for degrees in ANGLES:
            rows.append({"seed": seed, **measure(model, recipe.load_data("test"), degrees)})
        parameters = sum(p.numel() for p in model.parameters())
    write(options.out, rows, {"recipe": asdict(recipe), "parameters": parameters})


def make_recipe(quick: bool, lr: float, model_options: dict[str, object], seed: int) -> Recipe:
    data = (
        {"data": "digits", "epochs": 2}
        if quick
        else {"data": "mnist", "train_images": 5000, "epochs": 20}
    )
    return Recipe(
        model="equivariant_capsnet",
        schedule="cosine",
        lr=lr,
        seed=seed,
        model_options=model_options,
        **data,
    )


@torch.no_grad()
def check_exactness(model: EquivariantCapsNet) -> None:
    """Quarter turns, float64, on the trained weights: an `AssertionError` above 1e-10."""
    model.double()
    images = torch.rand(4, *model.in_shape, dtype=torch.float64)
    poses, turned = model(images).poses, model(torch.rot90(images, 1, (2, 3))).poses
    error = (tc.ops.rotate_pose(poses, 90, n=model.n) - turned).abs().max()
    assert error < 1e-10, error
    model.float()


@torch.no_grad()
def measure(model: EquivariantCapsNet, test_set: ImageDataset, degrees: float) -> dict[str, float]:
    """Percent correct, and the median error of the angle, of every test image turned."""
    correct, errors = 0, []
    for indices in torch.arange(len(test_set)).split(250):
        images, labels = test_set.batch(indices)
        out = model(rotate(images, degrees) if degrees else images)
        correct += int((out.scores.argmax(-1) == labels).sum())
        errors.append((model.angle(out) - degrees).abs())
    return {
        "degrees": degrees,
        "accuracy": 100 * correct / len(test_set),
        "median_angle_error": float(torch.cat(errors).median()),
    }


def write(folder: Path, rows: Sequence[dict[str, float]], about: dict[str, object]) -> None:
    """Mean and standard deviation over the seeds, as JSON, table and figure."""
    folder.mkdir(parents=True, exist_ok=True)
    table = []
    for degrees in ANGLES:
        here = [row for row in rows if row["degrees"] == degrees]
        accuracies = [row["accuracy"] for row in here]
        table.append(
            {
                "degrees": degrees,
                "accuracy": mean(accuracies),
                "sd": stdev(accuracies) if len(accuracies) > 1 else 0.0,
                "median_angle_error": mean(row["median_angle_error"] for row in here),
            }
        )
        print("{degrees:6.1f}  {accuracy:6.2f} +- {sd:.2f}  {median_angle_error:.1f}".format(**table[-1]))  # fmt: skip # noqa: E501
    (folder / "equivariance.json").write_text(json.dumps({**about, "seeds": rows}, indent=1))
    with open(folder / "equivariance.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, list(table[0]))
        writer.writeheader()
        writer.writerows(table)
    figure = Figure(figsize=(5, 3.2), layout="constrained")
    axes = figure.add_subplot()
    axes.errorbar(ANGLES, [r["accuracy"] for r in table], [r["sd"] for r in table], marker="o")
    axes.set(xlabel="degrees turned, counter-clockwise", ylabel="% correct", xticks=ANGLES[::2])
    axes.grid(alpha=0.3)
    figure.savefig(folder / "equivariance.png", dpi=150)


if __name__ == "__main__":
    main()
