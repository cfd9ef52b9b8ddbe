"""The page on signals: its Python runs, its results were measured."""

import json
import re
from pathlib import Path

import torch

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "signals.md").read_text()
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", TEXT, re.DOTALL)
SCRIPT = "".join(block for kind, block in BLOCKS if kind == "python")


def test_the_python_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    names = {}
    exec(SCRIPT, names)
    assert names["accuracy"] > 0.9
    torch.testing.assert_close(
        names["again"].images, names["data"].images, rtol=0, atol=0, equal_nan=True
    )
    ended = -(-names["lengths"][0] // 2)
    assert (names["support"][:ended] != 0).any()
    assert (names["support"][ended:] == 0).all()


def test_the_results_are_those_of_the_benchmark():
    part = TEXT.partition("\n## Results\n")[2]
    rows = [line.strip("| ").split(" | ") for line in part.splitlines() if line.startswith("|")][2:]
    folder = ROOT / "benchmarks" / "results" / "signals"
    found = json.loads((folder / "summary.json").read_text())
    measured = json.loads((folder / "signals.json").read_text())["rows"]
    assert [row[0] for row in rows] == list(found)
    for name, training, test, *accuracies, verdict in rows:
        said = found[name]
        for model, cell in zip(("capsnet1d", "cnn1d"), accuracies, strict=True):
            assert cell == f"{said[model]['mean']:.1f} ± {said[model]['sd']:.1f}"
            assert said[model]["seeds"] == 3
        assert verdict == said["capsnet1d is"]
        sizes = {(row["training"], row["test"]) for row in measured if row["dataset"] == name}
        assert sizes == {(int(training), int(test))}
