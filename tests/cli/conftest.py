"""The command line called in this process, and runs and pictures for it to work on."""

import re
import warnings
from typing import NamedTuple

import numpy as np
import pytest
import torch
from PIL import Image

import torchcaps as tc
from torchcaps.cli.main import main
from torchcaps.training import Recipe, train


class Said(NamedTuple):
    """Exit code, standard output, standard error."""

    code: int
    out: str
    err: str

    @property
    def words(self):
        """The output without the lines that tables are drawn with."""
        return re.sub(r"[^\S\n]*[┃│┏┓┡┩└┘━─┳╇┴]+[^\S\n]*", " ", self.out).split()


@pytest.fixture
def cli(capsys, monkeypatch, tmp_path):
    """cli("train", "--epochs", 1) in an empty folder; an error must be one line."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(warnings, "formatwarning", warnings.formatwarning)

    def call(*words, columns=200):
        monkeypatch.setenv("COLUMNS", str(columns))
        capsys.readouterr()
        try:
            code = main([str(word) for word in words])
        except SystemExit as end:  # --help and --print-config
            code = int(end.code or 0)
        said = Said(code, *capsys.readouterr())
        assert "Traceback" not in said.err
        if said.code:
            assert said.err.startswith("torchcaps: ")
            assert said.err.count("\n") == 1
        return said

    return call


@pytest.fixture
def refused(cli):
    """refused("train", "--epochs", 0) is the error, without its prefix; exit code 2 is checked."""

    def call(*words):
        said = cli(*words)
        assert said.code == 2, said
        return said.err.removeprefix("torchcaps: ").rstrip("\n")

    return call


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """The run folder of a small capsule network on the digits."""
    recipe = Recipe(train_images=300, epochs=2, batch_size=50)
    return train(recipe, tmp_path_factory.mktemp("trained") / "run", quiet=True)


@pytest.fixture(scope="session")
def zoo(tmp_path_factory):
    """A data root: pictures of two kinds, ten each, with names that markup would swallow."""
    root = tmp_path_factory.mktemp("zoo")
    noise = np.random.default_rng(0)
    for name, level in (("[red]cat", 40), ("d$g", 200)):
        (root / name).mkdir()
        for k in range(10):
            pixels = noise.integers(-30, 30, (12, 10, 3)) + level
            Image.fromarray(pixels.astype(np.uint8)).save(root / name / f"{k}.png")
    return root


@pytest.fixture
def model(tmp_path):
    """model(in_shape, name): the folder of an untrained model of three named classes."""

    def save(in_shape=(1, 8, 8), name="capsnet_small", classes=("ape", "bee", "cow")):
        torch.manual_seed(0)
        made = tc.create_model(name, in_shape, len(classes))
        made.classes = classes
        return tc.save_model(made, tmp_path / name)

    return save


@pytest.fixture
def picture(tmp_path):
    """picture("a/x.png"): a file of its own noise, by a path relative to the current folder."""

    def draw(name, size=(8, 8)):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng(len(list(tmp_path.rglob("*.png"))))
        Image.fromarray(noise.integers(0, 255, size[::-1]).astype(np.uint8)).save(path)
        return name

    return draw
