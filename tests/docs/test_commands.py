"""The pages on data and segmentation: the command line understands their commands."""

import re
import shlex
from pathlib import Path

import pytest

from torchcaps.cli.options import read

DOCS = Path(__file__).parents[2] / "docs"
COMMANDS = [
    line
    for page in ("own-data", "signals", "segmentation")
    for block in re.findall(r"```sh\n(.*?)```", (DOCS / f"{page}.md").read_text(), re.DOTALL)
    for line in block.splitlines()
]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_understood(command):
    program, name, *words = shlex.split(command)
    assert program == "torchcaps"
    read(name, words)
