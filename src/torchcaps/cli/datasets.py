"""`torchcaps datasets`: what can be loaded."""

from jsonargparse import Namespace
from rich.console import Console
from rich.table import Table

from torchcaps.data.catalogue import DATASETS


def run(options: Namespace) -> None:
    table = Table("dataset", "what it is")
    for name in DATASETS:
        table.add_row(name, DATASETS.about(name))
    Console().print(table)
