"""`torchcaps models`: what can be built."""

from functools import partial

import torch
from jsonargparse import Namespace
from rich.console import Console
from rich.table import Table

from torchcaps.models import Model, create_model
from torchcaps.models.catalogue import MODELS


def run(options: Namespace) -> None:
    table = Table("model", "parameters at 1x28x28", "what it is")
    for name in MODELS:
        parameters = sum(p.numel() for p in _build(name).parameters())
        table.add_row(name, f"{parameters:,}", MODELS.about(name))
    Console().print(table)


def _build(name: str) -> Model:
    """Without memory for its weights, which are only counted; with, where it computes some."""
    build = partial(create_model, name, in_shape=(1, 28, 28), num_classes=10)
    try:
        with torch.device("meta"):
            return build()
    except RuntimeError:
        return build()
