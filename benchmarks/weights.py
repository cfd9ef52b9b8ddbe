"""Makes the trained networks of the package: `python benchmarks/weights.py [NAME ...]`.

Each NAME is a folder of src/torchcaps/models/weights with its recipe, config.yaml. It is trained in
runs/weights/NAME (taken up where it stopped), its probabilities are calibrated on the validation
images, its weights are written as float16, and README.md, the model card, tells what the weights
as they are shipped reach on the test images, upright and rotated. The test images select nothing.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from safetensors.torch import load_file, save
from torch import Tensor

import torchcaps as tc
from torchcaps.analysis.pose.angle_following import measure_angle_following
from torchcaps.data import ImageDataset
from torchcaps.data.transforms import rotate
from torchcaps.files import write_whole
from torchcaps.machine import machine
from torchcaps.models import Model
from torchcaps.models.saving import CONFIG, WEIGHTS, save_model
from torchcaps.studies.runs import seconds_per_epoch, trained
from torchcaps.training import Recipe, class_metrics, evaluate
from torchcaps.training.calibrate import calibrate

SHIPPED = Path(tc.models.__file__).parent / "weights"
RESULTS = Path("benchmarks/results/weights.json")
DOCS = Path("docs/results.md")
BEGIN, END = "<!-- trained networks: begin -->\n", "\n<!-- trained networks: end -->"
ANGLES = (-45, -30, -15, 0, 15, 30, 45)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", help="default: all of them")
    parser.add_argument("--runs", type=Path, default=Path("runs/weights"))
    options = parser.parse_args()
    known = sorted(path.parent.name for path in SHIPPED.glob("*/config.yaml"))
    for name in options.names or known:
        if name not in known:
            parser.error(f"expected some of {', '.join(known)}; got {name}")
        make(name, options.runs / name)


def make(name: str, run: Path) -> None:
    recipe = Recipe.load(SHIPPED / name / "config.yaml")
    model = trained(recipe, run, quiet=False)
    calibrate(model, recipe.load_data("validation"))
    ship(model, SHIPPED / name)
    test_set = recipe.load_data("test")
    measured = measure(tc.load_model(SHIPPED / name), test_set)
    told = {
        "name": name,
        "recipe": recipe,
        "classes": model.classes,
        "in_shape": model.in_shape,
        "parameters": sum(p.numel() for p in model.parameters()),
        "kilobytes": (SHIPPED / name / WEIGHTS).stat().st_size / 1000,
        "angles": ANGLES,
        "train_images": len(recipe.load_data("train")),
        "test_images": len(test_set),
        "minutes": recipe.last_epoch * seconds_per_epoch(run) / 60,
        "machine": machine(),
        **measured,
    }
    templates = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    card = templates.get_template("weights_card.md.j2").render(told)
    write_whole(SHIPPED / name / "README.md", card + "\n")
    record(name, told)


def record(name: str, told: dict[str, Any]) -> None:
    """Keep the numbers beside those of the other networks, and renew the table in the docs."""
    known = json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}
    keys = ("parameters", "accuracy", "calibration_error", "rotation_error", "machine")
    known[name] = {key: told[key] for key in keys}
    write_whole(RESULTS, json.dumps(dict(sorted(known.items())), indent=1) + "\n")
    rows = [
        "| network | parameters | " + " | ".join(f"{angle:+d}°" for angle in ANGLES) + " |",
        "|---" * (2 + len(ANGLES)) + "|",
    ]
    for other, found in json.loads(RESULTS.read_text()).items():
        cells = [f"{found['accuracy'][str(angle)]:.1f}" for angle in ANGLES]
        rows.append(f"| `{other}` | {found['parameters']:,} | " + " | ".join(cells) + " |")
    before, _, rest = DOCS.read_text().partition(BEGIN)
    write_whole(DOCS, before + BEGIN + "\n" + "\n".join(rows) + "\n" + END + rest.partition(END)[2])


def ship(model: Model, folder: Path) -> None:
    """Half the bytes: float16 holds weights of this size to three digits."""
    save_model(model, folder)
    half = {
        key: value.half() if value.is_floating_point() else value
        for key, value in load_file(folder / WEIGHTS).items()
    }
    assert all(value.isfinite().all() for value in half.values())
    write_whole(folder / WEIGHTS, save(half, metadata={"format": "pt"}))
    assert (folder / CONFIG).is_file()


@torch.no_grad()
def measure(model: Model, test_set: ImageDataset) -> dict[str, object]:
    """Accuracy in percent by angle; how well probabilities fit; how the rotation is reported."""
    metrics = class_metrics(model.num_classes)
    accuracy = {
        degrees: 100
        * evaluate(
            model,
            test_set,
            model.make_loss(),
            transform=_turn(degrees),
            metrics=None if degrees else metrics,
        ).accuracy
        for degrees in ANGLES
    }
    some = test_set.first(min(1000, len(test_set)))
    errors = measure_angle_following(model, some, [degrees for degrees in ANGLES if degrees])
    return {
        "accuracy": accuracy,
        "calibration_error": float(metrics.compute()["calibration_error"]),
        "rotation_error": max(errors.values(), default=None),
    }


def _turn(degrees: float) -> Callable[[Tensor], Tensor] | None:
    return (lambda images: rotate(images, degrees)) if degrees else None


if __name__ == "__main__":
    main()
