"""The benchmark of segmentation runs, and its results are what the page says."""

import json
import subprocess
import sys
from pathlib import Path

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def test_a_large_image_needs_less_than_4_gb():
    command = [sys.executable, BENCHMARKS / "segmentation.py", "--peak", "seg_capsnet"]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert 500 < float(told) < 4000


def test_the_bars_of_the_drawn_faces_are_met():
    rows = json.loads((BENCHMARKS / "results" / "segmentation" / "segmentation.json").read_text())
    assert not rows["tiny"]
    trained = {row["model"]: row for row in rows["rows"] if "mean_dice" in row}
    assert trained["seg_capsnet"]["mean_dice"] > 0.9
    assert trained["seg_capsnet"]["seconds"] < 600
    sizes = [trained[name]["parameters"] for name in ("seg_capsnet", "unet")]
    assert abs(sizes[0] - sizes[1]) < 0.08 * sizes[0]
    assert all(row["peak_mb"] < 4000 for row in rows["rows"] if "peak_mb" in row)
