"""Damage of every kind, from fixed seeds: files are read, or refused in one line."""

import json
import struct
import zlib

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

import torchcaps as tc
from torchcaps.data.idx import read_idx
from torchcaps.data.images import read_image
from torchcaps.training import Recipe

ROUNDS = 60
SIZES = [0, 1, 2**31 - 1, 2**32 - 1]


def spoiled(content, random):
    """A few bytes changed, cut, repeated, or put in."""
    data = bytearray(content)
    for _ in range(random.integers(1, 6)):
        at = int(random.integers(0, len(data))) if data else 0
        length = int(random.integers(1, 9))
        match random.integers(0, 4):
            case 0:
                data[at : at + length] = random.bytes(length)
            case 1:
                del data[at : at + length * 8]
            case 2:
                data[at:at] = data[at : at + length * 8]
            case _:
                data[at : at + 4] = struct.pack(
                    ">I", int(random.choice([0, 1, 2**31 - 1, 2**32 - 1]))
                )
    return bytes(data)


def replaced(values, random):
    """One value of a configuration, replaced by one of another kind."""
    odd = [None, True, -1, 0, 2.5, 10**15, "x", "x" * 500, [], [1], {"a": 1}, [[]], float("inf")]
    name = str(random.choice([*values]))
    return {**values, name: odd[random.integers(0, len(odd))]}


def refused_or_read(read):
    try:
        read()
    except ValueError as error:
        text = str(error)
        assert "\n" not in text
        assert len(text) < 1000


@pytest.mark.parametrize("zipped", [False, True])
def test_idx(tmp_path, zipped):
    header = bytes([0, 0, 8, 3]) + struct.pack(">III", 5, 6, 7)
    content = header + bytes(210)
    if zipped:
        content = zlib.compress(content, wbits=31)
    for seed in range(ROUNDS):
        (tmp_path / "x").write_bytes(spoiled(content, np.random.default_rng(seed)))
        refused_or_read(lambda: read_idx(tmp_path / "x", 3))


@pytest.mark.parametrize("suffix", ["png", "tif", "jpg", "bmp", "gif", "webp", "ppm"])
@pytest.mark.filterwarnings("ignore")  # of PIL, of tags that it leaves out
def test_pictures(tmp_path, suffix):
    pixels = np.random.default_rng(0).integers(0, 255, (12, 9, 3)).astype(np.uint8)
    path = tmp_path / f"x.{suffix}"
    Image.fromarray(pixels).save(path)
    content = path.read_bytes()
    for seed in range(ROUNDS):
        path.write_bytes(spoiled(content, np.random.default_rng(seed)))
        refused_or_read(lambda: read_image(path, (3, 8, 8)))


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    torch.manual_seed(0)
    model = tc.create_model("capsnet_small", (1, 8, 8), 2, stem_channels=4, types=2)
    model.classes = ("cat", "dog")
    return tc.save_model(model, tmp_path_factory.mktemp("saved"))


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_saved_models(saved, tmp_path, name):
    for other in ("model.safetensors", "config.json"):
        (tmp_path / other).write_bytes((saved / other).read_bytes())
    content = (saved / name).read_bytes()
    part = content[:1500]  # the header of the weights, where damage can do most
    for seed in range(ROUNDS):
        damaged = spoiled(part, np.random.default_rng(seed)) + content[1500:]
        (tmp_path / name).write_bytes(damaged)
        refused_or_read(lambda: tc.load_model(tmp_path))


@pytest.mark.usefixtures("unchecked")
def test_values_of_a_configuration(saved, tmp_path):
    (tmp_path / "model.safetensors").write_bytes((saved / "model.safetensors").read_bytes())
    config = json.loads((saved / "config.json").read_text())
    for seed in range(2 * ROUNDS):
        odd = replaced(config, np.random.default_rng(seed))
        (tmp_path / "config.json").write_text(json.dumps(odd))
        refused_or_read(lambda: tc.load_model(tmp_path))


@pytest.mark.usefixtures("unchecked")
def test_recipes(tmp_path):
    Recipe(model_options={"types": 2}, data_options={"size": 8}).save(
        path := tmp_path / "config.yaml"
    )
    content = path.read_bytes()
    for seed in range(ROUNDS):
        random = np.random.default_rng(seed)
        path.write_bytes(spoiled(content, random))
        refused_or_read(lambda: Recipe.load(path))
        path.write_text(yaml.safe_dump(replaced(yaml.safe_load(content), random)))
        refused_or_read(lambda: Recipe.load(path))
