"""The gallery: its pictures are there and small, and its commands are commands."""

import ast
import re
import shlex
from pathlib import Path

import pytest

from torchcaps.cli.main import main

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
    assert (GALLERY.parent / link).is_file()


def test_every_picture_of_the_folder_is_shown_and_small():
    pictures = list((ROOT / "docs" / "gallery").iterdir())
    assert {f"gallery/{path.name}" for path in pictures} <= set(LINKS)
    assert {path.suffix for path in pictures} == {".png"}
    assert all(path.stat().st_size < 120_000 for path in pictures)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_understood(command, capsys):
    """--print-config ends a command once its options are parsed."""
    program, *words = shlex.split(command)
    if program == "python":
        assert (ROOT / words[0]).is_file()
        return
    assert program == "torchcaps"
    assert words[0] in ("train", "study")
    with pytest.raises(SystemExit) as ended:
        raise SystemExit(main([*words, "--print-config"]))
    said = capsys.readouterr()
    assert ended.value.code in (None, 0), said.err
    assert "model:" in said.out


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_script_compiles_and_finds_what_it_imports(script):
    tree = ast.parse(script)
    imports: list[ast.stmt] = [
        node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    assert imports
    exec(compile(ast.Module(imports, []), "gallery.md", "exec"), {})


def test_something_was_tested():
    assert len(LINKS) > 8
    assert len(COMMANDS) > 8
    assert len(SCRIPTS) > 3
