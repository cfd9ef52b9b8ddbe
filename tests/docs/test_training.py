"""The page on training: its table is the recipe, its commands are commands, its Python runs."""

import re
import shlex
from dataclasses import fields
from pathlib import Path

import pytest
import yaml

from torchcaps.cli.options import read
from torchcaps.data import Augmentation
from torchcaps.training import Recipe

TEXT = (Path(__file__).parents[2] / "docs" / "training.md").read_text()
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", TEXT, re.DOTALL)
COMMANDS = [line for kind, block in BLOCKS if kind == "sh" for line in block.splitlines()]
SCRIPT = "".join(block for kind, block in BLOCKS if kind == "python")


def rows(heading):
    """The cells of the table below a heading, without its two head lines."""
    part = TEXT.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in part.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_the_table_has_every_field_with_its_default():
    told = {cells[0].strip("`"): cells[1] for cells in rows("The recipe")}
    assert list(told) == [field.name for field in fields(Recipe)]
    for name, text in told.items():
        default = getattr(Recipe(), name)
        if default is None:
            assert text == "none", name
        else:
            assert yaml.safe_load(text.strip("`")) == default, name


def test_the_table_of_augmentation_has_every_change():
    told = [re.match(r"`(\w+)", cells[0]) for cells in rows("Augmentation")]
    assert [name and name[1] for name in told] == list(Augmentation._fields)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_understood(command):
    program, name, *words = shlex.split(command)
    assert (program, name) == ("torchcaps", "train")
    read(name, words)


def test_the_python_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(SCRIPT, names)
    assert names["model"] is names["network"]
    assert names["history"][-1]["accuracy"] > 0.7
    assert (tmp_path / "runs" / "own" / "model.safetensors").is_file()
    assert (tmp_path / "learning_curve.png").is_file()
