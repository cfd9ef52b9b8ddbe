"""What each command says of itself."""

from dataclasses import fields

import pytest

import torchcaps as tc
from torchcaps.cli.commands import COMMANDS
from torchcaps.studies import STUDIES
from torchcaps.training import Recipe

OPTIONS = {
    "train": [f.name.replace("_", "-") for f in fields(Recipe)]
    + ["config", "print-config", "device", "out", "resume", "overwrite", "log", "quiet"],
    "evaluate": ["data", "root", "split", "rotate", "device", "json"],
    "predict": ["invert", "save-reconstruction", "device"],
    "explore": ["port", "host", "no-browser", "device"],
    "completion": [],
    "models": [],
    "datasets": [],
}


@pytest.mark.parametrize("name", OPTIONS)
def test_help_names_every_option_the_way_people_type_it(cli, name):
    said = cli(name, "--help")
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith(f"usage: torchcaps {name}")
    assert COMMANDS.about(name)[1:] in said.out
    assert "required" not in said.out
    assert said.out.rpartition("\n\n")[2].startswith("Example: ")
    for option in OPTIONS[name]:
        assert f"--{option}" in said.out
    assert "_" not in "".join(w for w in said.out.split() if w.startswith(("--", "[--")))


@pytest.mark.parametrize("study", list(STUDIES))
def test_every_option_of_a_study_is_explained(cli, study):
    said = cli("study", study, "--help")
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith(f"usage: torchcaps study {study}")
    lines = " ".join(said.out.partition("Example: ")[0].split())
    for field in fields(STUDIES[study].options):
        head = f"--{field.name.replace('_', '-')} "
        after = lines.rpartition(head)[2]
        assert "default:" in after, field.name


def test_every_option_of_a_recipe_is_explained(cli):
    lines = " ".join(cli("train", "--help").out.split())
    assert "--lr N Learning rate at the start (default: 0.001)." in lines
    assert "--subpixel {true,false} Shift by up to half a pixel more" in lines
    assert "null" not in lines
    assert "--schedule {constant,cosine,sabour2017,StepLR," in lines


@pytest.mark.parametrize("words", [(), ("--help",), ("-h",), ("--list",)])
def test_study_alone_lists_the_studies(cli, words):
    said = cli("study", *words)
    assert said.code == 0
    for name in STUDIES:
        assert f"  {name} " in said.out
        assert STUDIES.about(name) in said.out


def test_models_lists_each_with_its_parameters(cli):
    words = cli("models").words
    assert {*tc.list_models()} <= {*words}
    assert words[words.index("capsnet") + 1] == "8,141,840"
    assert words[words.index("capsnet_sabour2017") + 1] == "8,215,728"
    assert words[words.index("cnn") + 1] == "421,642"


def test_datasets_lists_each_with_a_line(cli):
    said = cli("datasets")
    assert {*tc.list_datasets()} <= {*said.words}
    assert "Handwritten digits of 8x8 pixels (UCI)" in said.out
