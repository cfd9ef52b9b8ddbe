"""The explorer's benchmark on small images: the same code, end to end."""

import importlib
import json
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def bench(monkeypatch, tmp_path):
    """bench(): the rows that a quick run leaves."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    module = importlib.import_module("explorer")

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["explorer.py", "--quick", "--out", str(tmp_path), *words])
        with pytest.raises(SystemExit) as end:
            module.main()
        assert not end.value.code
        return json.loads((tmp_path / "explorer.json").read_text())["rows"]

    return module, run


def test_answers_and_the_page_are_timed_beside_a_check(bench, monkeypatch, capsys):
    module, run = bench
    rows = run()
    there = module.CHROMIUM.is_file()
    assert [row["what"] for row in rows] == ["view", "redraw"][: 1 + there]
    for row in rows:
        assert row["models"] == "capsnet_small"
        assert row["passed"] is True
        assert 0 < row["ms_least"] <= row["ms_median"] <= row["ms_95"]
    assert there or "not run: it needs playwright" in capsys.readouterr().out


def test_a_wrong_answer_does_not_pass(bench, monkeypatch):
    module, run = bench
    monkeypatch.setattr(module, "CHROMIUM", Path("nowhere"))
    monkeypatch.setattr(module, "direct", lambda run, degrees: [degrees / 360] * 10)
    assert [row["passed"] for row in run()] == [False]
