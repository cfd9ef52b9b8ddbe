"""Weights come back bit for bit, and what is no model says so."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

import torchcaps as tc


def same_weights(one, other):
    first, second = one.state_dict(), other.state_dict()
    return list(first) == list(second) and all(torch.equal(first[k], second[k]) for k in first)


@pytest.mark.parametrize("hub", [False, True], ids=["save_model", "save_pretrained"])
def test_a_saved_model_comes_back_bit_for_bit(small, tmp_path, hub):
    small.save_pretrained(tmp_path) if hub else tc.save_model(small, tmp_path)
    again = tc.load_model(tmp_path)
    assert same_weights(small, again)
    assert (type(again), again.name, again.in_shape) == (type(small), small.name, small.in_shape)
    assert json.dumps(again.config, sort_keys=True) == json.dumps(small.config, sort_keys=True)
    assert not again.training
    images = torch.rand(2, *small.in_shape)
    assert torch.equal(again(images).scores, small(images).scores)


@pytest.mark.parametrize("hub", [False, True], ids=["save_model", "save_pretrained"])
@pytest.mark.usefixtures("unchecked")  # the hub hands lists of JSON over where we say tuple
def test_the_hubs_own_reader_reads_both_ways_of_saving(small, tmp_path, hub):
    small.save_pretrained(tmp_path) if hub else tc.save_model(small, tmp_path)
    again = type(small).from_pretrained(tmp_path)
    assert same_weights(small, again)
    images = torch.rand(2, *small.in_shape)
    assert torch.equal(again(images).scores, small(images).scores)


def test_nothing_is_pickled_and_nothing_else_is_written(small, tmp_path):
    tc.save_model(small, tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["config.json", "model.safetensors"]
    assert set(load_file(tmp_path / "model.safetensors")) == set(small.state_dict())


def test_options_and_memory_layout_survive(build, small, small_options, tmp_path):
    others = {"iterations": 2, "hidden": 7, "types": 3}
    option = dict([next(item for item in others.items() if item[0] in small.config)])
    model = build(small.in_shape, 2, **{**small_options, **option}).to(
        memory_format=torch.channels_last
    )
    again = tc.load_model(tc.save_model(model, tmp_path))
    assert same_weights(model, again)
    assert {k: again.config[k] for k in option} == option


@pytest.fixture
def saved(tmp_path):
    """A model's folder, to be damaged."""
    torch.manual_seed(0)
    return tc.save_model(tc.create_model("capsnet_small", (1, 8, 8), 2), tmp_path / "model")


def cut(folder):
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])


def other_weights(folder):
    tc.save_model(tc.create_model("cnn", (1, 8, 8), 2), folder.parent / "cnn")
    shutil.copy(folder.parent / "cnn" / "model.safetensors", folder)


def other_size(folder):
    save_file({k: v[:1] for k, v in load_file(folder / "model.safetensors").items()},
              folder / "model.safetensors")  # fmt: skip


def config(text):
    return lambda folder: (folder / "config.json").write_text(text)


def changed(**values):
    def change(folder):
        path = folder / "config.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **values}))

    return change


@pytest.mark.parametrize(
    ("damage", "text"),
    [
        (cut, r"expected a whole safetensors file; got one that cannot be read .*; copy it again"),
        (lambda f: (f / "model.safetensors").write_bytes(b""), "expected a whole safetensors"),
        (other_weights, r"expected the weights of capsnet_small for images .*; got others \("),
        (other_size, r"expected the weights of capsnet_small .* got others \(size mismatch"),
        (lambda f: (f / "model.safetensors").unlink(), "one without model.safetensors; give a fin"),
        (lambda f: (f / "config.json").unlink(), "got one without config.json; give a finished"),
        (config("I am no JSON"), "config.json: expected JSON with model, in_shape and num_class"),
        (config("null"), "config.json: expected JSON with model, in_shape and num_classes"),
        (config('["model", "in_shape", "num_classes"]'), "expected JSON with model, in_shape and"),
        (config('{"num_classes": 10}'), "it is not a configuration that torchcaps wrote"),
        (changed(model="capsnet_smal"), "unknown model .*known: .* did you mean 'capsnet_small'"),
        (changed(nonsense=3), "create_model, options of capsnet_small: .* got nonsense; drop"),
        (changed(in_shape=8), "config.json: expected JSON with model, in_shape and num_classes"),
        (changed(num_classes=3), r"got others \(size mismatch.*config.json beside it belongs"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_a_damaged_or_foreign_folder_says_what_is_wrong(saved, damage, text):
    tc.load_model(saved)
    damage(saved)
    with pytest.raises(ValueError, match=text):
        tc.load_model(saved)


@pytest.mark.parametrize("path", ["nowhere", "./runs/nothing", "/no/such/folder", "a/b/c"])
def test_a_missing_folder_is_named_without_asking_a_network(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = f"expected a model's folder or a hub id like user/name; got '{path}', which is no folder"
    with pytest.raises(ValueError, match=text):
        tc.load_model(path)


def test_a_hub_id_that_cannot_be_fetched_is_named(tmp_path, monkeypatch):
    def offline(*_, **__):
        raise OSError("no network")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("torchcaps.models.saving.hf_hub_download", offline)
    with pytest.raises(ValueError, match=r"got 'user/name', which .* check the path \(OSError\)"):
        tc.load_model("user/name")
