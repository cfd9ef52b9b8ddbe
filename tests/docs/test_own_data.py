"""The page on data of one's own: its Python runs, its numbers hold."""

import re
from pathlib import Path

import torch

from torchcaps.data.picture_files import HELD_BYTES

TEXT = (Path(__file__).parents[2] / "docs" / "own-data.md").read_text()
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", TEXT, re.DOTALL)
SCRIPT = "".join(block for kind, block in BLOCKS if kind == "python")


def test_the_python_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(SCRIPT, names)
    assert names["found"].accuracy > 0.9
    assert names["model"].classes == ("top", "middle", "bottom")
    assert torch.isfinite(names["out"].scores).all()
    assert "augment: null" in (tmp_path / "runs" / "bars" / "config.yaml").read_text()


def test_so_many_pictures_are_held():
    said = re.search(r"up to ([\d.]+) GB of pixels \(([\d,]+) pictures of (\d+) x (\d+)\)", TEXT)
    assert said is not None
    gigabytes, pictures, height, width = (float(x.replace(",", "")) for x in said.groups())
    assert gigabytes * 1e9 == HELD_BYTES
    assert 0.98 < pictures * 3 * height * width / HELD_BYTES <= 1
