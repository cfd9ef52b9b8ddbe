"""`torchcaps models`: what can be built, and what comes trained."""

import torch
from jsonargparse import Namespace
from rich.console import Console
from rich.table import Table

from torchcaps.models import create_model, list_pretrained
from torchcaps.models.catalogue import MODELS


def run(options: Namespace) -> None:
    table = Table("model", "parameters at 1x28x28 or 1x28", "what it is")
    for name in MODELS:
        in_shape = (1, *[28] * MODELS[name].architecture.axes[0])
        with torch.device("meta"):  # only counted
            model = create_model(name, in_shape, num_classes=10)
        parameters = sum(p.numel() for p in model.parameters())
        table.add_row(name, f"{parameters:,}", MODELS.about(name))
    trained = ", ".join(list_pretrained())
    console = Console()
    console.print(table)
    console.print(f"Trained, ready for predict, evaluate and explore: {trained}.", highlight=False)
