"""The page on convolutional capsules: its Python runs, its shapes are as it says."""

import re
from pathlib import Path

TEXT = (Path(__file__).parents[2] / "docs" / "convolutions.md").read_text()
SCRIPT = "".join(re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL))


def test_the_python_runs_and_shapes_are_as_it_says():
    names = {}
    exec(SCRIPT, names)
    assert names["children"].shape == (2, 8, 12, 12, 8)
    assert names["poses"].shape == (2, 6, 5, 5, 8)
    assert names["classes"].shape == (2, 10, 16)
    assert names["larger"].shape == (2, 4, 10, 10, 8)
