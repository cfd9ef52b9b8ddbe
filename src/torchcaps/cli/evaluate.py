"""`torchcaps evaluate`: a trained model on a dataset it was not trained on."""

import json
from pathlib import Path

from jsonargparse import Namespace
from rich.console import Console
from rich.table import Table

from torchcaps.data import load_dataset
from torchcaps.data.transforms import rotate
from torchcaps.machine import resolve_device
from torchcaps.models import load_model
from torchcaps.training import Recipe, evaluate
from torchcaps.training.run_folder import CONFIG


def run(options: Namespace) -> None:
    model = load_model(options.model).to(resolve_device(options.device))
    config = Path(options.model) / CONFIG
    recipe = Recipe.load(config) if config.is_file() else None
    data = options.data or (recipe.data if recipe else "digits")
    same = recipe is not None and data == recipe.data
    dataset = load_dataset(
        data,
        options.split,
        options.root or (recipe.root if recipe and same else None),
        **(recipe.data_options if recipe and same else {}),
    )
    if dataset.in_shape != model.in_shape or dataset.num_classes != model.num_classes:
        raise ValueError(
            f"evaluate, --data: expected images {model.in_shape} of {model.num_classes} classes, "
            f"which {model.name} was built for; {data} has {dataset.in_shape} of "
            f"{dataset.num_classes}; name the dataset it was trained on"
        )
    turn = (lambda images: rotate(images, options.rotate)) if options.rotate else None
    result = evaluate(model, dataset, model.make_loss(), transform=turn)
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
