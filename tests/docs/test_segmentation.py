"""The page on segmentation: its Python runs, its results were
measured."""

import json
import re
from pathlib import Path

import torch

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "segmentation.md").read_text()
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", TEXT, re.DOTALL)
SCRIPT = "".join(block for kind, block in BLOCKS if kind == "python")


def test_the_python_runs():
    torch.manual_seed(0)
    names = {}
    exec(SCRIPT, names)
    assert names["history"][-1]["mean_dice"] > 0.9
    assert names["out"].poses.shape == (4, 2, 16, 16, 8)
    assert len(names["figure"].axes) == 12


def test_the_results_are_those_of_the_benchmark():
    part = TEXT.partition("\n## Results\n")[2]
    rows = [line.strip("| ").split(" | ") for line in part.splitlines() if line.startswith("|")][2:]
    path = ROOT / "benchmarks" / "results" / "segmentation" / "segmentation.json"
    found: dict[str, dict[str, float]] = {}
    for row in json.loads(path.read_text())["rows"]:
        found.setdefault(row["model"], {}).update(row)
    assert [row[0].strip("`") for row in rows] == list(found)
    for name, parameters, *dice, seconds, peak in rows:
        said = found[name.strip("`")]
        assert parameters == f"{said['parameters']:,}"
        regions = ("head", "eyes", "nose", "mouth")
        wanted = [said["mean_dice"], *(said[f"dice {region}"] for region in regions)]
        assert dice == [f"{value:.3f}" for value in wanted]
        assert seconds == f"{said['seconds']:.0f} ({said['cpu_seconds']:.0f})"
        assert peak == f"{said['peak_mb']:,.0f}"
