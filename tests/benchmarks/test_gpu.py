"""The GPU benchmark on a CPU and tiny sizes: the same code that runs when a GPU is there."""

import csv
import importlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[2]
Run = Callable[..., str]


@pytest.fixture
def gpu(monkeypatch, capsys) -> Run:
    """Run one part in this process as `python benchmarks/gpu.py PART --out DIR --tiny` does."""
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    main = importlib.import_module("gpu").main

    def run(part: str, out: Path, *options: str) -> str:
        assert main([part, "--out", str(out), "--tiny", *options]) == 0
        return capsys.readouterr().out

    return run


def from_a_checkout(*arguments: str) -> str:
    """What the program says as a user would start it."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT / "src"),
        "CUDA_VISIBLE_DEVICES": "",
        "OMP_NUM_THREADS": "1",
    }
    environment.pop("TRITON_INTERPRET", None)
    command = [sys.executable, "benchmarks/gpu.py", *arguments]
    found = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert found.returncode == 0, found.stdout + found.stderr
    return found.stdout


def rows(out: Path, part: str) -> list[dict]:
    found = json.loads((out / f"{part}.json").read_text())
    assert found["machine"]["torch"] == torch.__version__
    with (out / f"{part}.csv").open() as file:
        assert len(list(csv.DictReader(file))) == len(found["rows"])
    return found["rows"]


def test_correctness_compares_the_kernels_with_float64(tmp_path: Path):
    pytest.importorskip("triton", reason="triton is not installed: the kernels cannot run")
    said = from_a_checkout("correctness", "--out", str(tmp_path), "--tiny")
    assert "4 of 4 cases that were run are right" in said
    for row in rows(tmp_path, "correctness"):
        assert row["passed"]
        assert row["repeats"]
        assert row["error_grad_weight"] < 1e-5


def test_routing_times_every_way_beside_its_error(gpu: Run, tmp_path: Path):
    said = gpu("routing", tmp_path)
    assert "not run: it needs a GPU and the children are on cpu" in said
    measured = [row for row in rows(tmp_path, "routing") if row["case"] == "routing"]
    assert {row["way"] for row in measured} == {"textbook", "eager", "chunked"}
    for row in measured:
        assert row["passed"]
        assert row["ms_least"] > 0
        assert row["over_floor"] > 1
    assert (tmp_path / "routing.png").stat().st_size > 0


def test_a_part_goes_on_where_it_stopped(gpu: Run, tmp_path: Path):
    said = gpu("routing", tmp_path, "--minutes", "0")
    assert "not run: the time is over, call again to go on" in said
    assert not (tmp_path / "routing.json").exists()
    gpu("routing", tmp_path)
    before = rows(tmp_path, "routing")
    gpu("routing", tmp_path)
    assert rows(tmp_path, "routing") == before


def test_train_times_the_step_its_floor_and_an_epoch(gpu: Run, tmp_path: Path):
    gpu("train", tmp_path)
    measured = rows(tmp_path, "train")
    steps = [row for row in measured if row["case"] == "step"]
    assert {(row["routed"], row["bf16"]) for row in steps} == {
        (True, True), (True, False), (False, True), (False, False)
    }  # fmt: skip
    (epoch,) = (row for row in measured if row["case"] == "epoch")
    assert epoch["seconds"] > 0
    assert epoch["images"] == 64
    assert "Optimizer.step#Adam" in (tmp_path / "train_profile.txt").read_text()


def test_mnist_in_two_calls_ends_as_in_one(gpu: Run, tmp_path: Path):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    said = gpu("mnist", whole)
    assert "test error after 2 epochs" in said
    assert "3 seeds, last epoch" in said
    for epochs in (1, 2):
        gpu("mnist", parts, "--minutes", "0.2")
        assert max(row["epochs"] for row in rows(parts, "mnist")) == epochs
    for seed in range(3):
        ends = [
            torch.load(folder / f"mnist-seed{seed}.pt", weights_only=True)["model"]
            for folder in (whole, parts)
        ]
        assert all(torch.equal(ends[0][name], ends[1][name]) for name in ends[0])


def test_without_a_gpu_and_without_tiny_nothing_is_run(gpu: Run, tmp_path: Path, capsys):
    main = importlib.import_module("gpu").main
    assert main(["all", "--out", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "not run: there is no GPU; --tiny runs the same code" in said
    assert not list(tmp_path.iterdir())


def test_a_broken_case_fails_the_run_and_costs_no_other(gpu: Run, tmp_path: Path, capsys):
    ledger = importlib.import_module("ledger").Ledger(tmp_path, "part", minutes=1)
    assert ledger.measure({"case": "broken"}, lambda: {"ms": 1 / 0}) is None
    assert ledger.failed
    assert ledger.measure({"case": "sound"}, lambda: {"ms": 2.0}) == {"case": "sound", "ms": 2.0}
    assert "case=broken  failed: ZeroDivisionError: division by zero" in capsys.readouterr().out
    assert rows(tmp_path, "part") == [{"case": "sound", "ms": 2.0}]
