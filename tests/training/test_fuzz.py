"""Whatever happened to the files of a run, resuming it is refused in one line or goes on."""

import random
import shutil

import pytest

from torchcaps.training import resume, train
from torchcaps.training.loop import _Loop
from torchcaps.training.run_folder import read_metrics

FILES = ["config.yaml", "metrics.jsonl", "checkpoint/state.safetensors"]
TEXT = [
    "NaN",
    "-1",
    "1e999",
    "[" * 3000,
    "{",
    '"',
    "\n",
    "\0",
    "null",
    "true",
    "9" * 30,
    ": [",
    "\xff",
]


def damage(content: bytes, chance: random.Random) -> bytes:
    """Cut, repeat, overwrite or insert something at a place of the file's first kilobytes."""
    at = chance.randrange(min(len(content), 6000))
    to = at + chance.randrange(1, 40)
    word = chance.choice(TEXT).encode("latin-1")
    noise = chance.randbytes(to - at)
    return chance.choice(
        [
            content[:at],
            content[:at] + content[to:],
            content[:to] + content[at:],
            content[:at] + word + content[to:],
            content[:at] + word + content[at:],
            content[:at] + noise + content[to:],
        ]
    )


@pytest.fixture(scope="module")
def finished(recipe, tmp_path_factory):
    """A finished run."""
    folder = tmp_path_factory.mktemp("fuzz") / "run"
    plain = recipe(model="cnn", model_options={})
    return train(plain, folder, quiet=True)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("name", FILES)
def test_a_damaged_file_is_one_line_or_makes_no_difference(finished, tmp_path, monkeypatch, name):
    monkeypatch.setattr(_Loop, "run", lambda self: None)
    chance, refused = random.Random(name), []
    folder = shutil.copytree(finished, tmp_path / "run")
    for _ in range(40):
        shutil.copytree(finished, folder, dirs_exist_ok=True)
        (folder / name).write_bytes(damage((folder / name).read_bytes(), chance))
        try:
            resume(folder, quiet=True)
            assert [line["epoch"] for line in read_metrics(folder)] == [1, 2, 3]
        except ValueError as error:
            refused.append(str(error))
    assert len(refused) > 15
    assert not [text for text in refused if "\n" in text]
