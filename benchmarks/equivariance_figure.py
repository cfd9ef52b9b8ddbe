"""Accuracy against the angle of all three networks: `python benchmarks/equivariance_figure.py`.

Reads what `equivariance.py series` and the rotation study left in benchmarks/results.
"""

import json
from pathlib import Path

from torchcaps.figures.curves import Spread, accuracy_curves
from torchcaps.figures.style import save_figure

RESULTS = Path("benchmarks/results")


def main() -> None:
    study = json.loads((RESULTS / "rotation-mnist-5000/results.json").read_text())
    series = json.loads((RESULTS / "equivariance/series.json").read_text())
    at = {row["degrees"]: row for row in series["table"]}
    rows = [at[angle] for angle in study["degrees"]]
    curves = {
        "equivariant_capsnet": Spread([r["window 60"] for r in rows], [r["sd"] for r in rows])
    }
    for name, found in study["accuracy_percent"].items():
        curves[name] = Spread(found["mean"], found["sd"])
    lowest = ", ".join(f"{name} {min(curve.mean):.1f} %" for name, curve in curves.items())
    figure = accuracy_curves(
        study["degrees"],
        curves,
        title=f"Trained upright, tested turned. At its worst angle: {lowest}",
        xlabel="turned by (degrees, counter-clockwise)",
    )
    print(save_figure(figure, RESULTS / "equivariance/rotation.png"))


if __name__ == "__main__":
    main()
