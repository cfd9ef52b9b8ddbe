"""The page on networks: its table of sources is complete, its Python runs."""

import re
from pathlib import Path

from torchcaps.models import list_models
from torchcaps.models.sources import SOURCES

TEXT = (Path(__file__).parents[2] / "docs" / "networks.md").read_text()


def test_every_source_and_every_network_is_named():
    named = set(re.findall(r"`(\w+)`", TEXT))
    assert {*SOURCES} <= named
    assert {*list_models()} - named <= {"unet", "seg_capsnet"}  # on the page on segmentation


def test_the_python_runs():
    names = {}
    exec("".join(re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)), names)
    assert names["counts"] == [161_824, 9_524]
    assert names["out"].scores.shape == (2, 10)
