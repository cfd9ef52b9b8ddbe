"""The commands by name. Listing them imports none of them, and no parser."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from torchcaps.lazy import imported
from torchcaps.registry import Registry

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser

COMMANDS: "Registry[Callable[[], ArgumentParser]]" = Registry("command")
for _name, _about in {
    "train": "train a model, or continue a run",
    "evaluate": "test a trained model on a dataset",
    "predict": "classify image files with a trained model",
    "study": "run a whole experiment, from data to report",
    "explore": "open a local web page that shows what capsules do",
    "convert": "turn weights that others published into a model's folder",
    "models": "list the models",
    "datasets": "list the datasets",
    "completion": "print a script that completes commands and options in bash or zsh",
}.items():
    COMMANDS.add_lazy(_name, _about, lambda name=_name: imported(f"torchcaps.cli.options:{name}"))
