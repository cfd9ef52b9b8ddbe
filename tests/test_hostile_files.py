"""Damage of every kind, from fixed seeds: files are read, or refused in one line."""

import json
import os
import struct
import subprocess
import sys
import zlib
from dataclasses import asdict, fields

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

import torchcaps as tc
from torchcaps.cli.options import read
from torchcaps.data.idx import read_idx
from torchcaps.data.images import read_image
from torchcaps.data.npz import read_npy
from torchcaps.studies import STUDIES
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


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.filterwarnings("ignore")  # of numpy, of headers that it reads with more care
def test_arrays(tmp_path, save):
    path, x, y = tmp_path / "x.npz", np.ones((6, 1, 5), np.float32), np.arange(6) % 2
    save(path, train_x=x, train_y=y, train_lengths=np.full(6, 5), classes=np.array(["a", "b"]))
    content = path.read_bytes()
    for seed in range(2 * ROUNDS):
        path.write_bytes(spoiled(content, np.random.default_rng(seed)))
        refused_or_read(lambda: tc.load_dataset("arrays", "train", path))


@pytest.mark.filterwarnings("ignore")
def test_an_array_by_itself(tmp_path):
    path = tmp_path / "x.npy"
    np.save(path, np.ones((2, 5)))
    content = path.read_bytes()
    for seed in range(2 * ROUNDS):
        path.write_bytes(spoiled(content, np.random.default_rng(seed)))
        refused_or_read(lambda: read_npy(path, "x"))


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


def read_study(name, path):
    """As `torchcaps study NAME --config PATH` and `--resume` do."""
    options = STUDIES[name].options
    told = read("study", [name, "--config", str(path)])
    return options(**{field.name: told[field.name] for field in fields(options)})


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("name", [*STUDIES])
def test_options_of_a_study(tmp_path, name):
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(json.loads(json.dumps(asdict(STUDIES[name].options())))))
    content = path.read_bytes()
    assert read_study(name, path) == STUDIES[name].options()
    for seed in range(ROUNDS // 6):
        random = np.random.default_rng(seed)
        path.write_bytes(spoiled(content, random))
        refused_or_read(lambda: read_study(name, path))
        path.write_text(yaml.safe_dump(replaced(yaml.safe_load(content), random)))
        refused_or_read(lambda: read_study(name, path))


IMPORTS = [
    "hostile.Thing", "hostile:Thing", "!!python/name:hostile.Thing", "!!python/module:hostile",
    "!!python/object/apply:hostile.Thing []", "!!python/object/new:hostile.Thing {}",
    "{class_path: hostile.Thing}", "{class_path: hostile.Thing, init_args: {}}",
]  # fmt: skip


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("value", IMPORTS)
def test_no_module_that_a_file_names_is_imported(saved, tmp_path, monkeypatch, value):
    (tmp_path / "hostile.py").write_text("def Thing(*_, **__): pass")
    monkeypatch.syspath_prepend(tmp_path)
    path = tmp_path / "config.yaml"
    for each in fields(Recipe):
        path.write_text(f"{each.name}: {value}\n")
        refused_or_read(lambda: Recipe.load(path).build_model(tc.load_dataset("digits")))
        refused_or_read(lambda: read("train", ["--config", str(path)]))
    for each in fields(STUDIES["rotation"].options):
        path.write_text(f"{each.name}: {value}\n")
        refused_or_read(lambda: read_study("rotation", path))
    (tmp_path / "model.safetensors").write_bytes((saved / "model.safetensors").read_bytes())
    config = json.loads((saved / "config.json").read_text())
    for name in config:
        (tmp_path / "config.json").write_text(json.dumps({**config, name: value}))
        refused_or_read(lambda: tc.load_model(tmp_path))
    assert "hostile" not in sys.modules


BOUNDED = """
import resource, sys
from pathlib import Path
import numpy, PIL.Image, torch
import torchcaps as tc
from torchcaps.cli.options import read
from torchcaps.data.idx import read_idx
from torchcaps.data.images import read_image
from torchcaps.data.npz import read_npy
from torchcaps.training import Recipe

torch.set_num_threads(1)
folder, allowed = Path(sys.argv[1]), int(sys.argv[2])
attempts = {
    "idx": lambda path: read_idx(path, 3),
    "picture": lambda path: read_image(path, (3, 8, 8)),
    "model": tc.load_model,
    "recipe": lambda path: Recipe.load(path).build_model(tc.load_dataset("digits")),
    "study": lambda path: read("study", ["rotation", "--config", str(path)]),
}
for kind, attempt in attempts.items():  # load what is loaded on first use
    attempt(next(folder.glob(f"harmless/{kind}*")))
taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (taken + allowed, taken + allowed))
for path in sorted(folder.glob("hostile/*")):
    try:
        attempts[path.name.partition("-")[0]](path)
    except ValueError as error:
        print(path.name, error)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux bounds the address space")
def test_files_that_ask_for_memory_get_none(saved, tmp_path):
    """A process that may take 500 MB more refuses them all by their content."""
    harmless, hostile = tmp_path / "harmless", tmp_path / "hostile"
    for folder in (harmless, hostile):
        folder.mkdir()
    idx = bytes([0, 0, 8, 3]) + struct.pack(">III", 5, 6, 7) + bytes(210)
    zeros = zlib.compressobj(1, wbits=31)
    bomb = b"".join(map(zeros.compress, [idx, *[bytes(10**8)] * 7])) + zeros.flush()
    (harmless / "idx").write_bytes(idx)
    (hostile / "idx-header").write_bytes(idx[:4] + struct.pack(">III", *[2**31 - 1] * 3))
    (hostile / "idx-zipped").write_bytes(bomb)
    Image.new("L", (8, 8)).save(harmless / "picture.png")
    Image.new("1", (25_000, 25_000)).save(hostile / "picture-bomb.png")
    config, weights = ((saved / n).read_bytes() for n in ("config.json", "model.safetensors"))
    large = {"stem_channels": 10**6, "types": 10**7, "decoder_width": 10**9}
    several = {name: json.dumps({**json.loads(config), name: n}) for name, n in large.items()}
    for folder, text, content in [
        (harmless / "model", config.decode(), weights),
        *((hostile / f"model-{name}", text, weights) for name, text in several.items()),
        (hostile / "model-header", config.decode(), struct.pack("<Q", 2**40) + weights[8:]),
        (hostile / "model-config", config.decode(), weights),
    ]:
        folder.mkdir()
        (folder / "config.json").write_text(text)
        (folder / "model.safetensors").write_bytes(content)
    os.truncate(hostile / "model-config" / "config.json", 10**9)  # zeros that take no disk
    laughs = "a0: &a0 [x, x]\n" + "".join(
        f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 9)}]\n" for k in range(1, 20)
    )
    for kind in ("recipe", "study"):
        (harmless / f"{kind}.yaml").write_text("epochs: 1\n")
        (hostile / f"{kind}-laughs.yaml").write_text(laughs)
        (hostile / f"{kind}-nested.yaml").write_text("[" * 10**5)
    done = subprocess.run(
        [sys.executable, "-c", BOUNDED, str(tmp_path), str(500 * 2**20)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    refused = [line.partition(" ")[0] for line in done.stdout.splitlines()]
    assert refused == sorted(path.name for path in hostile.iterdir())
