"""`torchcaps models`: what can be built."""

from rich.console import Console
from rich.table import Table

from torchcaps.cli.parser import make_parser, parse
from torchcaps.models import create_model
from torchcaps.models.catalogue import MODELS


def run(words: list[str]) -> None:
    parse(make_parser("models", "list the models"), words)
    table = Table("model", "parameters at 1x28x28", "what it is")
    for name in MODELS:
        model = create_model(name, in_shape=(1, 28, 28), num_classes=10)
        parameters = sum(p.numel() for p in model.parameters())
        table.add_row(name, f"{parameters:,}", MODELS[name].about)
    Console().print(table)
