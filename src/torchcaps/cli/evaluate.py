"""`torchcaps evaluate`: a trained model on a dataset it was not trained on."""

import json
from pathlib import Path

from rich.console import Console
from rich.table import Table

from torchcaps.cli.parser import make_parser, parse
from torchcaps.data import load_dataset
from torchcaps.data.transforms import rotate
from torchcaps.models import load_model
from torchcaps.training import Recipe, evaluate
from torchcaps.training.run_folder import CONFIG


def run(words: list[str]) -> None:
    parser = make_parser("evaluate", "test a trained model")
    parser.add_argument("model", type=str, help="A run, a model's folder, or a hub id.")
    parser.add_argument("--data", type=str | None, help="Dataset (default: the run's).")
    parser.add_argument("--root", type=str | None, help="Folder of the data files.")
    parser.add_argument("--split", type=str, default="test", help="Part of the dataset.")
    parser.add_argument(
        "--rotate", type=float, default=0.0, help="Turn the images by so many degrees first."
    )
    parser.add_argument("--json", action="store_true", help="Print JSON instead of a table.")
    options = parse(parser, words)
    model = load_model(options.model)
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
