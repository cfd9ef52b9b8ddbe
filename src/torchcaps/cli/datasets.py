"""`torchcaps datasets`: what can be loaded."""

from rich.console import Console
from rich.table import Table

from torchcaps.cli.parser import make_parser, parse
from torchcaps.data.registry import describe_datasets


def run(words: list[str]) -> None:
    parse(make_parser("datasets", "list the datasets"), words)
    table = Table("dataset", "what it is")
    for name, about in describe_datasets().items():
        table.add_row(name, about)
    Console().print(table)
