"""The page on backbones: its table is the head's options, its command is one, its Python runs."""

import re
import shlex
from inspect import signature
from pathlib import Path

import pytest
import torch
import yaml

import torchcaps as tc
from torchcaps.cli.options import read

TEXT = (Path(__file__).parents[2] / "docs" / "backbones.md").read_text()
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", TEXT, re.DOTALL)
OTHERS = ("torchvision", "timm", "transformers")  # see tests/backbones/test_page.py
PYTHON = [block for kind, block in BLOCKS if kind == "python"]
OWN = [block for block in PYTHON if not block.startswith(tuple(f"import {x}" for x in OTHERS))]


def test_the_table_has_every_option_with_its_default():
    lines = [line for line in TEXT.splitlines() if line.startswith("| `")]
    told = {cells[1].strip(" `"): cells[2].strip(" `") for cells in (x.split("|") for x in lines)}
    options = signature(tc.nn.CapsuleHead).parameters.values()
    options = {x.name: x.default for x in options if x.kind is x.KEYWORD_ONLY}
    assert list(told) == list(options)
    for name, default in options.items():
        assert yaml.safe_load(told[name]) == ("none" if default is None else default), name


@pytest.mark.parametrize("command", [block for kind, block in BLOCKS if kind == "sh"])
def test_the_command_is_understood(command):
    program, name, *words = shlex.split(command)
    assert (program, name) == ("torchcaps", "train")
    read(name, words)


def test_the_python_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {}
    exec("".join(OWN), names)
    assert names["scores"].shape == (4, 10)
    assert names["poses"].shape == (4, 5, 16)
    assert names["longer"].poses.shape == (4, 5, 16)
    assert names["history"][-1]["accuracy"] > 0.5
    again, model = names["again"].state_dict(), names["model"].state_dict()
    assert all(torch.equal(x, again[name]) for name, x in model.items())


def test_the_routings_of_a_fixed_number_are_all_named():
    (told,) = re.findall(r"^`self_attention`.*?parameters for each child", TEXT, re.M | re.S)
    for name in tc.nn.ROUTINGS:
        shared = tc.nn.ROUTINGS[name].casts_votes
        head = tc.nn.CapsuleHead((5, 6), 2, routing=name, share_positions=shared)
        assert (f"`{name}`" in told) != head.capsules.takes_any_number, name
