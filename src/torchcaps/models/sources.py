"""Whose weights `convert` reads. Torch is imported when one of them is asked for."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from torchcaps.lazy import imported
from torchcaps.registry import Registry

if TYPE_CHECKING:
    from torchcaps.models.model import Model

# Given the file, and how an error begins.
SOURCES: "Registry[Callable[[Path, str], Model]]" = Registry("source of weights")
for _name, _about, _module in (
    ("efficient_capsnet", "EscVM/Efficient-CapsNet, .h5", "convert_keras"),
    ("heinsen2019", "glassroom/heinsen_routing_2019_paper", "convert"),
    ("xifengguo", "XifengGuo/CapsNet-Pytorch", "convert"),
    ("adambielski", "adambielski/CapsNet-pytorch", "convert"),
):
    _target = f"torchcaps.models.{_module}:{_name}"
    SOURCES.add_lazy(_name, _about, lambda target=_target: imported(target))
