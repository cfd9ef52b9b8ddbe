"""Accuracy against the angle of all three networks: `python benchmarks/equivariance_figure.py`.

Reads what `equivariance.py series` and the rotation study left in benchmarks/results.
"""

import json
from pathlib import Path

from torchcaps.figures.curves import Spread, accuracy_curves
from torchcaps.figures.style import save_figure
from torchcaps.studies.results import Results

RESULTS = Path("benchmarks/results")


def main() -> None:
    study = Results.from_json((RESULTS / "rotation-mnist-5000/results.json").read_text())
    series = json.loads((RESULTS / "equivariance/series.json").read_text())
    at = {row["degrees"]: row for row in series["table"]}
    angles = [float(angle) for angle in study.names("condition", metric="accuracy")]
    rows = [at[angle] for angle in angles]
    curves = {
        "equivariant_capsnet": Spread([r["window 60"] for r in rows], [r["sd"] for r in rows])
    }
    for name in study.names("model"):
        means = [study.mean(name, "accuracy", f"{angle:g}") for angle in angles]
        sds = [study.sd(name, "accuracy", f"{angle:g}") for angle in angles]
        curves[name] = Spread(means, sds)
    lowest = ", ".join(f"{name} {min(curve.mean):.1f} %" for name, curve in curves.items())
    figure = accuracy_curves(
        angles,
        curves,
        title=f"Trained on upright digits, tested on rotated ones. At the worst angle: {lowest}",
        xlabel="rotation of the test images (degrees, positive counter-clockwise)",
    )
    print(save_figure(figure, RESULTS / "equivariance/rotation.png"))


if __name__ == "__main__":
    main()
