"""The gallery: its pictures are there and small, its commands are commands, its Python runs."""

import re
import shlex
from pathlib import Path

import pytest
import torch

import torchcaps as tc
from torchcaps.cli.options import read
from torchcaps.data import load_dataset

ROOT = Path(__file__).parents[2]
GALLERY = ROOT / "docs" / "gallery.md"
TEXT = GALLERY.read_text()
LINKS = re.findall(r"\]\(([^)]+)\)", TEXT)
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", TEXT, re.DOTALL)
COMMANDS = [line for kind, block in BLOCKS if kind == "sh" for line in block.splitlines()]
COMMANDS += re.findall(r"`(torchcaps [^`]+)`", TEXT)
SCRIPTS = [block for kind, block in BLOCKS if kind == "python"]


@pytest.mark.parametrize("link", LINKS)
def test_every_link_leads_to_a_file(link):
    assert (GALLERY.parent / link).exists()


def test_every_picture_of_the_folder_is_shown_and_small():
    pictures = list((ROOT / "docs" / "gallery").iterdir())
    assert {f"gallery/{path.name}" for path in pictures} <= set(LINKS)
    assert {path.suffix for path in pictures} == {".png"}
    assert all(path.stat().st_size < 120_000 for path in pictures)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_understood(command):
    program, *words = shlex.split(command)
    if program == "python":
        assert (ROOT / words[0]).is_file()
    else:
        assert (program, words[0] in ("train", "study")) == ("torchcaps", True)
        read(words[0], words[1:])


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A folder with untrained networks where the scripts look for trained ones."""
    folder = tmp_path_factory.mktemp("gallery")
    torch.manual_seed(0)
    for name in ("cnn", "pooled_cnn", "capsnet_small"):
        faces, digits = (tc.create_model(name, (1, side, side), 10) for side in (32, 8))
        faces.save_pretrained(folder / "runs" / "study-faces" / "models" / f"{name}-0")
        digits.save_pretrained(folder / "runs" / "study-rotation-digits" / "models" / f"{name}-0")
    digits.save_pretrained(folder / "runs" / "mnist")
    return folder


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_script_runs(script, runs, monkeypatch):
    """With fewer faces, seeds and images than it says, and digits for MNIST."""
    digits = load_dataset("digits", "test").sample(40, seed=0)
    monkeypatch.setattr(tc, "load_dataset", lambda name, split: digits)
    monkeypatch.chdir(runs)
    exec(script.replace("draw(300,", "draw(12,").replace("range(3)", "range(1)"), {})
    for name in re.findall(r'"(docs/gallery/\w+\.png)"', script):
        assert (runs / name).is_file()


def test_something_was_tested():
    assert len(LINKS) > 8
    assert len(COMMANDS) > 8
    assert len(SCRIPTS) > 3
