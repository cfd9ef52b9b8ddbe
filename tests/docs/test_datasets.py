"""The page on datasets: its commands are understood, and it has every dataset with its sizes."""

import re
import shlex
from pathlib import Path

import pytest

from torchcaps.cli.options import read
from torchcaps.data import list_datasets, load_dataset

TEXT = (Path(__file__).parents[2] / "docs" / "datasets.md").read_text()
COMMANDS = re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL)
ROWS = {
    name: [cell.strip() for cell in cells.split("|")]
    for name, cells in re.findall(r"^\| `(\w+)` \|(.*)\|$", TEXT, re.MULTILINE)
}


@pytest.mark.parametrize("command", "".join(COMMANDS).splitlines())
def test_every_command_is_understood(command):
    program, name, *words = shlex.split(command)
    assert program == "torchcaps"
    read(name, words)


def test_every_dataset_is_there():
    assert {*ROWS, "arrays", "folder"} == set(list_datasets())


@pytest.mark.parametrize("name", ["digits", "faces"])
def test_sizes_are_those_of_the_splits(name):
    sizes = [f"{len(load_dataset(name, part)):,}" for part in ("train", "validation", "test")]
    assert ROWS[name][2] == " / ".join(sizes)
