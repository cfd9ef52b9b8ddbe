"""`torchcaps evaluate`: a trained model on a dataset it was not trained on."""

import json
import sys
from collections.abc import Sequence
from typing import Any

from jsonargparse import Namespace
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from torchcaps.data import load_dataset
from torchcaps.data.transforms import rotate
from torchcaps.machine import resolve_device
from torchcaps.models import load_model
from torchcaps.options import check_sizes
from torchcaps.training import Recipe, class_metrics, evaluate

_SHOWN = 12  # classes whose confusion matrix is as wide as a terminal


def run(options: Namespace) -> None:
    model = load_model(options.model).to(resolve_device(options.device))
    recipe = Recipe.of_model(options.model)
    data = options.data or (recipe.data if recipe else "digits")
    same = recipe is not None and data == recipe.data
    root = options.root or (recipe.root if recipe and same else None)
    dataset = load_dataset(
        data, options.split, root, **(recipe.data_options if recipe and same else {})
    )
    dataset = recipe.relabelled(dataset) if recipe else dataset
    if dataset.in_shape != model.in_shape:
        raise ValueError(
            f"evaluate, --data: expected images {model.in_shape}, which {model.name} was built "
            f"for; {data} has {dataset.in_shape}; name the dataset it was trained on"
        )
    usual = recipe.batch_size if recipe else 250
    batch_size = usual if options.batch_size is None else options.batch_size
    check_sizes("evaluate", **{"--batch-size": batch_size})
    turn = (lambda images: rotate(images, options.rotate)) if options.rotate else None
    metrics = class_metrics(max(2, model.num_classes))
    result = evaluate(
        model, dataset, model.make_loss(), transform=turn, batch_size=batch_size, metrics=metrics
    )
    found = {name: value.tolist() for name, value in metrics.compute().items()}
    rows = _rows(model.classes, found)
    if recipe is None:
        _say(f"{options.model} does not say what it was trained on; tested on {data}")
    elif not same or root != recipe.root:
        trained, tested = _place(recipe.data, recipe.root), _place(data, root)
        _say(f"trained on {trained}, tested on {tested}, whose classes have the same names")
    if options.json:
        print(json.dumps({**result._asdict(), **found, "classes": rows}))
        return
    table = Table("model", "images", "accuracy", "loss", "reconstruction MSE", "calibration error")
    mse = "-" if result.reconstruction_mse is None else f"{result.reconstruction_mse:.4f}"
    table.add_row(
        model.name,
        f"{result.images:,} of {data}, {options.split}",
        f"{result.accuracy:.2%}",
        f"{result.loss:.4f}",
        mse,
        f"{found['calibration_error']:.4f}",
    )
    Console().print(table, _class_table(rows))


def _rows(classes: Sequence[str], found: dict[str, Any]) -> list[dict[str, Any]]:
    """Of each class its name, its images, and its figures: None where nothing can be said, since
    it has no image or was never predicted. Takes the lists of the classes out of `found`."""
    confusion = found["confusion"]
    scores = {name: found.pop(name) for name in ("precision", "recall", "f1")}
    rows = []
    for k, name in enumerate(classes):
        images, predicted = sum(confusion[k]), sum(row[k] for row in confusion)
        told = {"precision": predicted, "recall": images, "f1": images}
        figures = {key: scores[key][k] if count else None for key, count in told.items()}
        rows.append({"class": name, "images": images, **figures, "predicted_as": confusion[k]})
    return rows


def _class_table(rows: list[dict[str, Any]]) -> Table:
    """One line a class; with few classes, also how often it was taken for each of them."""
    confused = rows if len(rows) <= _SHOWN else []
    columns = [Column(escape(row["class"]), justify="right") for row in confused]
    table = Table("class", "images", "precision", "recall", "F1", *columns)
    for row in rows:
        figures = [row[key] for key in ("precision", "recall", "f1")]
        cells = ["-" if value is None else f"{value:.3f}" for value in figures]
        counts = map(str, row["predicted_as"]) if confused else ()
        table.add_row(escape(row["class"]), f"{row['images']:,}", *cells, *counts)
    return table


def _place(data: str, root: str | None) -> str:
    return data if root is None else f"{data} in {root}"


def _say(message: str) -> None:
    print(f"torchcaps: evaluate: {message}", file=sys.stderr)
