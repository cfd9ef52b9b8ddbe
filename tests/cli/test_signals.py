"""Signals on the command line: train, evaluate and predict; what is of pictures refuses them."""

import json
import re

import numpy as np
import pytest
import torch

import torchcaps as tc


@pytest.fixture(scope="session")
def waves(tmp_path_factory):
    """Slow and fast waves of 6 to 24 positions, in numbers far from 0 and 1."""
    path = tmp_path_factory.mktemp("waves") / "waves.npz"
    random, arrays = np.random.default_rng(0), {}
    for part, count in (("train", 60), ("test", 20)):
        labels, lengths = np.arange(count) % 2, random.integers(6, 25, count)
        phase = random.uniform(0, 6, (count, 1, 1))
        speed = np.where(labels == 0, 0.5, 2.0)[:, None, None]
        arrays |= {
            f"{part}_x": 500 + 100 * np.sin(speed * np.arange(24) + phase).astype(np.float32),
            f"{part}_y": labels,
            f"{part}_lengths": lengths,
        }
    np.savez(path, classes=np.array(["slow", "fast"]), **arrays)
    return path


@pytest.fixture(scope="session")
def run(waves, tmp_path_factory):
    out = tmp_path_factory.mktemp("run") / "run"
    options = {"stem_channels": 8, "types": 4, "kernel_size": 3}
    recipe = tc.training.Recipe(
        model="capsnet1d", data="arrays", root=str(waves), epochs=30, model_options=options
    )
    return tc.training.train(recipe, out, quiet=True)


def test_training_and_evaluation_know_signals(cli, run, waves):
    said = cli("evaluate", run, "--json")
    found = json.loads(said.out)
    assert (said.code, said.err) == (0, "")
    assert found["images"] == 20
    assert found["accuracy"] > 0.9
    assert [row["class"] for row in found["classes"]] == ["slow", "fast"]
    options = ["--data", "arrays", "--root", waves, "--model", "cnn1d", "--epochs", "1"]
    assert cli("train", *options, "--quiet").code == 0
    assert tc.load_model("runs/cnn1d-arrays-0").in_shape == (1, 24)


def test_predict_reads_npy_files_of_any_length(cli, run, waves):
    data = tc.load_dataset("arrays", "test", waves)
    paths = []
    for k, signal in enumerate(data.images[:4]):
        there = signal[:, ~signal.isnan()[0]].numpy()
        np.save(f"{k}.npy", there[0] if k % 2 else there.astype(np.float64))
        paths.append(f"{k}.npy")
    said = cli("predict", run, *paths, "--json")
    assert (said.code, said.err) == (0, "")
    with torch.no_grad():
        scores = tc.load_model(run)(data.batch(range(4))[0]).scores
    for found, row in zip(json.loads(said.out), scores.tolist(), strict=True):
        assert found["scores"] == pytest.approx({"slow": row[0], "fast": row[1]}, abs=1e-5)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (np.zeros((1, 25)), r"expected an array of \[1, 24\], channels first, .*; got \[1, 25\]"),
        (np.zeros((2, 9)), r"got \[2, 9\]"),
        (np.zeros((0,)), r"got \[1, 0\]"),
        (np.full(9, np.nan), "expected finite numbers"),
        (np.zeros(9, bool), "expected numbers; got bool"),
    ],
)
def test_predict_refuses_other_arrays(refused, run, values, text):
    np.save("x.npy", values)
    said = refused("predict", run, "x.npy")
    assert said.startswith("read_signal, x.npy: ")
    assert re.search(text, said)


def test_predict_refuses_what_is_no_array(refused, run):
    assert "got nothing there" in refused("predict", run, "none.npy")
    with open("x.npy", "w") as file:
        file.write("no")
    assert "expected a whole array of numbers" in refused("predict", run, "x.npy")
    assert refused("predict", run, "x.npy", "--invert").startswith(
        "predict, --invert: expected a mo"
    )


@pytest.mark.usefixtures("unchecked")
def test_what_is_of_pictures_is_refused_in_words(refused, run, waves):
    arrays = ["--data", "arrays", "--root", waves]
    assert "rotate: expected none, since it changes pictures" in refused(
        "train", *arrays, "--model", "capsnet1d", "--rotate", "1"
    )
    assert "CNN, in_shape: expected (channels, height, width)" in refused(
        "train", *arrays, "--model", "cnn"
    )
    assert "expected floating [B,C,H,W]" in refused("evaluate", run, "--rotate", "10")
    assert "expected a model of images; got one of signals (1, 24)" in refused("explore", run)
    assert "CNN1d, in_shape: expected (channels, length)" in refused("train", "--model", "cnn1d")
