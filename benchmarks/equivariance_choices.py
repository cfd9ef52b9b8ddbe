"""What each choice of equivariant_capsnet bought: `python benchmarks/equivariance_choices.py`.

Each row is the default but for one choice, trained once, for 4 epochs, on the 5,000 upright digits
of the series, and tested on 2,000 *validation* digits: the test set selects nothing. Whatever the
window was in training, answers are looked for within 60 degrees. Finished rows are kept in the file
of results.
"""

import argparse
import json
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

from torch import nn

from equivariance import TRAINED, make_recipe
from equivariance_measures import measure, poses_of
from torchcaps.files import write_whole
from torchcaps.machine import machine
from torchcaps.models import EquivariantCapsNet
from torchcaps.studies.runs import trained

SMOOTH = "torchcaps.models.equivariant_capsnet.SmoothPool2d"
ANGLES = (-45.0, -37.5, -22.5, -11.25, 7.5, 15.0, 30.0, 45.0)
CHOICES: dict[str, dict[str, Any]] = {
    "the default": {},
    "n = 8 orientations": {"n": 8},
    "half the width": {"channels": [4, 8], "types": 8},
    "twice the width": {"channels": [16, 32], "types": 32},
    "harmonics up to 1": {"frequency": 1},
    "harmonics up to 3": {"frequency": 3},
    "waves up to 3": {"angular_frequency": 3},
    "all waves": {"angular_frequency": None},
    "window of 30 degrees": {"window": 30.0},
    "window of 180 degrees": {"window": 180.0},
    "one iteration of routing": {"iterations": 1},
    "shifts by whole pixels": {"subpixel": False},
    "maps halved by means of 2x2": {"pool": True},
}


class MeanPool2d(nn.AvgPool3d):
    """Half the resolution, smoothed by a box alone."""

    def __init__(self) -> None:
        super().__init__((1, 2, 2))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="two choices, 128 digits, one epoch")
    parser.add_argument("--runs", type=Path, default=Path("runs/equivariance-choices"))
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/equivariance"))
    options = parser.parse_args()
    options.epochs = 4
    kept = options.out / "choices.json"
    earlier = json.loads(kept.read_text()) if kept.is_file() else {}
    rows = earlier["rows"] if earlier.get("quick") == options.quick else {}
    options.out.mkdir(parents=True, exist_ok=True)
    for name, changes in list(CHOICES.items())[: 2 if options.quick else None]:
        if name not in rows:
            rows[name] = try_out(options, name, dict(changes))
            about = {"machine": machine(), "quick": options.quick}
            write_whole(kept, json.dumps({**about, "rows": rows}, indent=1) + "\n")
        print(name, "  ".join(f"{what} {value:.1f}" for what, value in rows[name].items()))


def try_out(options: argparse.Namespace, name: str, changes: dict[str, Any]) -> dict[str, float]:
    """Percent right and median error of the angle, upright and at the worst of `ANGLES`."""
    recipe = make_recipe(TRAINED["series"], options, seed=0)
    recipe = replace(recipe, subpixel=changes.pop("subpixel", True))
    pool = changes.pop("pool", False)
    recipe.model_options.update(changes)
    with patch(SMOOTH, MeanPool2d) if pool else nullcontext():
        model = trained(recipe, options.runs / name.replace(" ", "-"), quiet=True)
    assert isinstance(model, EquivariantCapsNet)
    digits = recipe.load_data("validation").first(64 if options.quick else 2000)
    upright = poses_of(model, digits, 0.0)
    rows = [measure(model, digits, angle, upright) for angle in (0.0, *ANGLES)]
    return {
        "parameters": sum(p.numel() for p in model.parameters()),
        "upright": rows[0]["window 60"],
        "lowest": min(row["window 60"] for row in rows[1:]),
        "angle error upright": rows[0]["angle error 60"],
        "largest turn error": max(row["turn error 60"] for row in rows[1:]),
    }


if __name__ == "__main__":
    main()
