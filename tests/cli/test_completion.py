"""`torchcaps completion`: the script, run by bash itself."""

import shutil
import subprocess
from dataclasses import fields

import pytest

import torchcaps as tc
from torchcaps.cli.commands import COMMANDS
from torchcaps.cli.options import study_named
from torchcaps.cli.parser import option_names
from torchcaps.studies import STUDIES
from torchcaps.training import Recipe

bash = pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash here")


@pytest.fixture
def complete(cli):
    """complete("train", "--mo"): what bash offers for the last word."""

    def call(*words):
        script = cli("completion", "bash").out
        line = " ".join(f"'{word}'" for word in ("torchcaps", *words))
        ask = f'COMP_WORDS=({line}); COMP_CWORD={len(words)}; _torchcaps; echo "${{COMPREPLY[@]}}"'
        done = subprocess.run(["bash", "-c", script + ask], capture_output=True, text=True)
        assert done.stderr == ""
        return done.stdout.split()

    return call


@bash
def test_commands_and_options(complete):
    assert complete("") == [*COMMANDS, "--help", "--version"]
    assert complete("ev") == ["evaluate"]
    assert complete("predict", "runs/cnn", "--s") == ["--save-reconstruction"]
    offered = complete("train", "--")
    assert {f"--{f.name.replace('_', '-')}" for f in fields(Recipe)} <= set(offered)
    assert {"--print-config", "--resume", "--device", "--help"} <= set(offered)
    assert complete("study", "--") == ["--help", "--list"]


@bash
@pytest.mark.parametrize("name", STUDIES)
def test_the_options_of_a_study_are_those_of_its_parser(name, complete):
    assert sorted(complete("study", name, "--")) == sorted(option_names(study_named(name)))


@bash
def test_names(complete):
    assert complete("study", "") == list(STUDIES)
    assert complete("train", "--model", "") == tc.list_models()
    assert sorted(complete("evaluate", "run", "--data", "")) == tc.list_datasets()
    assert complete("train", "--schedule", "co") == ["constant", "cosine"]
    assert complete("completion", "z") == ["zsh"]


@bash
def test_where_a_file_is_typed_nothing_is_offered_instead(complete):
    assert complete("evaluate", "") == []
    assert complete("predict", "run", "--device", "cpu", "") == []


def test_zsh_gets_the_same_by_its_emulation(cli):
    said = cli("completion", "zsh").out
    assert said.endswith(cli("completion", "bash").out)
    assert "bashcompinit\n" in said
