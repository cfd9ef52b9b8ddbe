"""`torchcaps convert`: a state dict becomes a folder that the other commands take."""

import torch

import torchcaps as tc
from torchcaps.models import create_model


def test_a_state_dict_becomes_a_model_that_predict_takes(cli):
    theirs = create_model("capsnet", (1, 28, 28), 10, style="port", mixed=True).state_dict()
    names = {"stem.": "conv1.", "primary.conv.": "primarycaps.conv2d.", "capsules.": "digitcaps."}
    state = {}
    for name, value in theirs.items():
        for ours, their in names.items():
            name = name.replace(ours, their) if name.startswith(ours) else name
        state[name] = value.transpose(0, 1) if name == "digitcaps.weight" else value
    torch.save(state, "theirs.pkl")
    said = cli("convert", "theirs.pkl", "--from", "xifengguo", "--out", "ours")
    assert said.code == 0
    assert "capsnet for inputs of (1, 28, 28), 8,215,568 parameters" in said.out
    assert tc.load_model("ours").config["mixed"] is True
    again = cli("convert", "theirs.pkl", "--from", "xifengguo", "--out", "ours")
    assert "expected a folder without a model" in again.err
    options = ("--from", "xifengguo", "--out", "ours", "--overwrite")
    assert cli("convert", "theirs.pkl", *options).code == 0


def test_a_wrong_source_or_file_is_one_line(cli):
    assert "expected one of" in cli("convert", "x.pkl", "--from", "nobody").err
    assert "there is none" in cli("convert", "x.pkl", "--from", "xifengguo").err
    assert cli("convert", "x.pkl").code == 2
