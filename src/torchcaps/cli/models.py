"""`torchcaps models`: what can be built, and what comes trained."""

import torch
from jsonargparse import Namespace
from rich.console import Console
from rich.table import Table

from torchcaps.models import Model, create_model, list_pretrained
from torchcaps.models.catalogue import MODELS


def run(options: Namespace) -> None:
    table = Table("model", "parameters", "for 10 classes of", "what it is")
    for name in MODELS:
        model = _smallest(name)
        parameters = sum(p.numel() for p in model.parameters())
        shape = "x".join(map(str, model.in_shape))
        table.add_row(name, f"{parameters:,}", shape, MODELS.about(name))
    trained = ", ".join(list_pretrained())
    console = Console()
    console.print(table)
    console.print(f"Trained, ready for predict, evaluate and explore: {trained}.", highlight=False)


def _smallest(name: str) -> Model:
    """The model on the meta device, for the first of a few sizes that it takes."""
    *small, largest = ((1, *[size] * MODELS[name].architecture.axes[0]) for size in (28, 48, 96))
    with torch.device("meta"):  # only counted
        for in_shape in small:
            try:
                return create_model(name, in_shape, num_classes=10)
            except ValueError:  # too small
                continue
        return create_model(name, largest, num_classes=10)
