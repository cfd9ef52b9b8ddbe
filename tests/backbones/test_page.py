"""The page on backbones: what it says of torchvision, timm and transformers runs."""

import re
from pathlib import Path

import pytest
import torch

TEXT = (Path(__file__).parents[2] / "docs" / "backbones.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
START = "import torch\nfrom torch import nn\nimport torchcaps as tc\n"
OTHERS = [("torchvision", "models"), ("timm", "create_model"), ("transformers", "BertModel")]


@pytest.mark.parametrize(("package", "name"), OTHERS)
def test_the_python_on_networks_of_others_runs(package, name, installed):
    installed(package, name)
    (block,) = (block for block in BLOCKS if block.startswith(f"import {package}"))
    names = {}
    exec(START + block, names)
    if "model" in names:
        assert names["model"](torch.rand(2, 3, 224, 224)).scores.shape == (2, 10)
    else:
        assert names["scores"].shape == (4, 2)
