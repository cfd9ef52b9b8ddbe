"""`torchcaps evaluate`: a trained model on a dataset it was not trained on."""

import json
import sys

from jsonargparse import Namespace
from rich.console import Console
from rich.table import Table

from torchcaps.data import load_dataset
from torchcaps.data.transforms import rotate
from torchcaps.machine import resolve_device
from torchcaps.models import load_model
from torchcaps.training import Recipe, evaluate


def run(options: Namespace) -> None:
    model = load_model(options.model).to(resolve_device(options.device))
    recipe = Recipe.of_model(options.model)
    data = options.data or (recipe.data if recipe else "digits")
    same = recipe is not None and data == recipe.data
    root = options.root or (recipe.root if recipe and same else None)
    dataset = load_dataset(
        data, options.split, root, **(recipe.data_options if recipe and same else {})
    )
    if dataset.in_shape != model.in_shape:
        raise ValueError(
            f"evaluate, --data: expected images {model.in_shape}, which {model.name} was built "
            f"for; {data} has {dataset.in_shape}; name the dataset it was trained on"
        )
    turn = (lambda images: rotate(images, options.rotate)) if options.rotate else None
    result = evaluate(model, dataset, model.make_loss(), transform=turn)
    if recipe is None:
        _say(f"{options.model} does not say what it was trained on; tested on {data}")
    elif not same or root != recipe.root:
        trained, tested = _place(recipe.data, recipe.root), _place(data, root)
        _say(f"trained on {trained}, tested on {tested}, whose classes have the same names")
    if options.json:
        print(json.dumps(result._asdict()))
        return
    table = Table("model", "images", "accuracy", "loss", "reconstruction MSE")
    mse = "-" if result.reconstruction_mse is None else f"{result.reconstruction_mse:.4f}"
    table.add_row(
        model.name,
        f"{result.images:,} of {data}, {options.split}",
        f"{result.accuracy:.2%}",
        f"{result.loss:.4f}",
        mse,
    )
    Console().print(table)


def _place(data: str, root: str | None) -> str:
    return data if root is None else f"{data} in {root}"


def _say(message: str) -> None:
    print(f"torchcaps: evaluate: {message}", file=sys.stderr)
