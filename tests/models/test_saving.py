"""Weights come back bit for bit, and what is no model says so."""

import json
import shutil
from typing import Any

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
    others = {"types": 3, "hidden": 7, "iterations": 2, "width": 2}
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
        (
            changed(in_shape=8),
            "config.json, in_shape: expected a list, each a whole number; got 8; correct",
        ),
        (changed(num_classes=3), r"got others \(size mismatch.*config.json beside it belongs"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_a_damaged_or_foreign_folder_says_what_is_wrong(saved, damage, text):
    tc.load_model(saved)
    damage(saved)
    with pytest.raises(ValueError, match=text):
        tc.load_model(saved)


def header(text):
    """A safetensors file with this header and no data."""
    return lambda f: (f / "model.safetensors").write_bytes(len(text).to_bytes(8, "little") + text)


@pytest.mark.parametrize(
    ("damage", "text"),
    [
        (changed(num_classes=[2]), "config.json, num_classes: expected a whole number; got .2.;"),
        (
            changed(in_shape=[1, 8.0, 8]),
            "in_shape: expected a list, each a whole number; got .1, 8.0, 8.;",
        ),
        (
            changed(in_shape=[1, 8]),
            r"in_shape: expected \(channels, height, width\), all at least 1; got \(1, 8\)",
        ),
        (changed(model=["cnn"]), "config.json, model: expected a text; got .'cnn'.; correct it"),
        (changed(classes="ab"), "config.json, classes: expected a list, each a text or null; got"),
        (
            changed(classes=["a", "a"]),
            "classes: expected 2 different names; got a, a; corr",
        ),
        (changed(types="many"), "CapsNet, types: expected a whole number, at least 1; got 'many'"),
        (changed(init_std="big"), "init_std: expected a number or null; got 'big'; correct it, or"),
        (changed(init_std=-1), "CapsNet, init_std: expected 0 or more; got -1; None chooses it"),
        (changed(leaky="yes"), "leaky: expected true or false; got 'yes'; correct it, or leave le"),
        (changed(types=50_000), r"size mismatch: \S+ has .* in place of \[400000, 64, 3, 3\]"),
        (
            changed(types=10**15),
            r"that fit in memory; got types=10{15} and others \(.*\); take sm",
        ),
        (config("[" * 100_000), "config.json: expected JSON with model, in_shape and num_classes"),
        (config(" " * 10**7), "config.json: expected JSON with model, in_shape and num_classes"),
        (header(b'{"' + b"x" * 100_000 + b'": 3}'), r"one that cannot be read \(.{,80}\); copy it"),
        (header(b" " * 10_000_001), "its header says that it is larger than any model's"),
        (
            header(b'{"x":{"dtype":"F32","shape":[4000000000],"data_offsets":[0,16000000000]}}'),
            "ca",
        ),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else "",
)
@pytest.mark.usefixtures("unchecked")
def test_a_hostile_folder_is_refused_in_a_line_before_memory_is_taken(saved, damage, text):
    damage(saved)
    with pytest.raises(ValueError, match=text) as caught:
        tc.load_model(saved)
    assert len(str(caught.value)) < 700
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "wrap", [torch.compile, torch.nn.DataParallel], ids=["compile", "parallel"]
)
def test_a_wrapped_model_is_saved_as_if_it_were_not(small, tmp_path, wrap):
    again = tc.load_model(tc.save_model(wrap(small), tmp_path))
    assert same_weights(small, again)
    assert json.dumps(again.config, sort_keys=True) == json.dumps(small.config, sort_keys=True)


def test_a_compiled_layer_is_saved_as_if_it_were_not(tmp_path):
    model = tc.create_model("capsnet_small", (1, 8, 8), 2)
    plain = dict(model.state_dict())
    compiled: Any = torch.compile(model.get_submodule("capsules"))
    model.add_module("capsules", compiled)
    again = tc.load_model(tc.save_model(model, tmp_path)).state_dict()
    assert all(torch.equal(again[name], plain[name]) for name in plain)


@pytest.mark.parametrize("prefix", ["_orig_mod.", "module.", "module._orig_mod."])
def test_weights_saved_from_a_wrapper_are_loaded(small, prefix, tmp_path):
    weights = tc.save_model(small, tmp_path) / "model.safetensors"
    save_file({prefix + name: x for name, x in load_file(weights).items()}, weights)
    assert same_weights(small, tc.load_model(tmp_path))


def test_what_is_no_model_of_ours_is_not_saved(tmp_path):
    with pytest.raises(ValueError, match="model: expected one of torchcaps; got Linear, which"):
        tc.save_model(torch.nn.Linear(2, 2), tmp_path)


@pytest.mark.usefixtures("unchecked")
def test_the_hubs_own_reader_keeps_the_names_and_refuses_other_weights(saved):
    model = tc.load_model(saved)
    model.classes = ("cat", "dog")
    tc.save_model(model, saved)
    again = tc.models.CapsNet.from_pretrained(saved)
    assert (again.name, again.classes) == ("capsnet_small", ("cat", "dog"))
    other_weights(saved)
    with pytest.raises(RuntimeError, match="Missing key"):
        tc.models.CapsNet.from_pretrained(saved)


@pytest.mark.parametrize("path", ["nowhere", "./runs/nothing", "/no/such/folder", "a/b/c"])
def test_a_missing_folder_is_named_without_asking_a_network(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = f"a hub id like user/name, or one of .*; got '{path}', which is no folder"
    with pytest.raises(ValueError, match=text):
        tc.load_model(path)


def test_a_hub_id_that_cannot_be_fetched_is_named(tmp_path, monkeypatch):
    def offline(*_, **__):
        raise OSError("no network")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("torchcaps.models.saving.hf_hub_download", offline)
    with pytest.raises(ValueError, match=r"got 'user/name', which .* check the path \(OSError\)"):
        tc.load_model("user/name")
