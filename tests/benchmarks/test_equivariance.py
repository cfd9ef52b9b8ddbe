"""The benchmark of the equivariant network on little data: the same code, end to end."""

import importlib
import json
import sys
from pathlib import Path
from unittest.mock import patch

import pytest
import torch

import torchcaps as tc
from torchcaps.nn.equivariant_pool import SmoothPool2d

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def part(monkeypatch, tmp_path, capsys):
    """`part("series", ...)`: what the part wrote and said."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    main = importlib.import_module("equivariance").main

    def run(name, *words):
        folders = ["--runs", str(tmp_path / "runs"), "--out", str(tmp_path / "out")]
        monkeypatch.setattr(sys, "argv", ["equivariance.py", name, "--quick", *folders, *words])
        main()
        return json.loads((tmp_path / "out" / f"{name}.json").read_text()), capsys.readouterr().out

    return run


def test_every_seed_is_trained_once_and_tested_at_every_angle(part):
    results, said = part("series", "--seeds", "0", "1")
    assert [row["degrees"] for row in results["table"]] == [7.5 * k for k in range(-6, 7)]
    assert results["recipe"]["epochs"] == 1
    assert "mean over 2 seeds" in said
    for rows, row in zip(zip(*results["by seed"], strict=True), results["table"], strict=True):
        assert row["window 60"] == pytest.approx(sum(r["window 60"] for r in rows) / 2)
    assert -1 <= results["upright"]["correlation between seeds"] <= 1
    assert len(results["upright"]["angle error by digit"]) == 10
    again, said = part("series", "--seeds", "0", "1")
    assert again == results
    assert "epoch" not in said


def test_all_digits_are_taught_as_the_series_is(part):
    results, _ = part("full")
    assert results["recipe"]["model_options"]["window"] == 60
    assert len(results["table"]) == 13


def test_the_full_circle_counts_sixes_and_nines(part):
    results, _ = part("circle")
    assert [row["degrees"] for row in results["table"]] == [30.0 * k for k in range(-6, 7)]
    assert results["recipe"]["model_options"]["window"] == 180
    upright, turned = results["table"][6], results["table"][-1]
    assert upright["window 180"] == pytest.approx(turned["window 180"])  # exactly equivariant
    assert all(0 <= row["6 for 9 or 9 for 6, 180"] <= 100 for row in results["table"])


def test_a_choice_is_tried_once_and_kept(monkeypatch, tmp_path, capsys):
    monkeypatch.syspath_prepend(BENCHMARKS)
    choices = importlib.import_module("equivariance_choices")
    few = {name: choices.CHOICES[name] for name in ("the default", "maps halved by means of 2x2")}
    monkeypatch.setattr(choices, "CHOICES", few)
    folders = ["--runs", str(tmp_path / "runs"), "--out", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", ["equivariance_choices.py", "--quick", *folders])
    choices.main()
    kept = (tmp_path / "choices.json").read_text()
    rows = json.loads(kept)["rows"]
    assert list(rows) == list(few)
    assert all(0 <= row["lowest"] <= 100 for row in rows.values())
    (tmp_path / "runs").rename(tmp_path / "gone")
    choices.main()
    assert (tmp_path / "choices.json").read_text() == kept
    assert not (tmp_path / "runs").exists()  # nothing was trained again


def test_the_box_takes_the_place_of_the_smooth_pool(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    choices = importlib.import_module("equivariance_choices")
    with patch(choices.SMOOTH, choices.MeanPool2d):
        model = tc.create_model("equivariant_capsnet", in_shape=(1, 28, 28), num_classes=2)
    assert any(isinstance(module, choices.MeanPool2d) for module in model.modules())
    maps = torch.rand(1, 2, 4, 26, 26)
    assert choices.MeanPool2d()(maps).shape == SmoothPool2d()(maps).shape


def test_agreement_of_angles_does_not_mind_where_they_wrap(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    correlation = importlib.import_module("equivariance_measures").circular_correlation
    angles = torch.randn(500) * 3
    near = angles + torch.randn(500)
    pearson = float(torch.corrcoef(torch.stack([angles, near]))[0, 1])
    assert correlation(angles, near) == pytest.approx(pearson, abs=0.01)

    def turned(x):
        return (x + 360) % 360 - 180

    assert correlation(turned(angles), turned(near)) == pytest.approx(
        correlation(angles, near), abs=1e-4
    )
    assert correlation(angles, -near) == pytest.approx(-pearson, abs=0.01)
