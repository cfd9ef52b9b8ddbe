"""`torchcaps evaluate`: a trained model on a dataset it was not trained on."""

import json
import sys
from math import isnan
from pathlib import Path
from typing import Any

from jsonargparse import Namespace
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from torchcaps.data import load_dataset
from torchcaps.data.transforms import rotate
from torchcaps.figures.confusion import confusion_matrix
from torchcaps.figures.style import save_figure
from torchcaps.files import expanded
from torchcaps.machine import resolve_device
from torchcaps.models import Model, load_model
from torchcaps.options import check_sizes
from torchcaps.training import Evaluation, Recipe, evaluate
from torchcaps.training.class_metrics import HighestScores, metrics_of

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
    figure = _figure_path(options.figure, model)
    turn = (lambda images: rotate(images, options.rotate)) if options.rotate else None
    metrics, highest = metrics_of(model), HighestScores()
    several = model.task == "multilabel"
    result = evaluate(
        model,
        dataset,
        model.make_loss(),
        transform=turn,
        batch_size=batch_size,
        metrics=metrics,
        collect=highest.add if several else None,
    )
    found = {name: value.tolist() for name, value in metrics.compute().items()}
    rows_of, figures_of, table_of = _LOOKS[model.task]
    rows = rows_of(model, found)
    if figure is not None:
        title = f"{model.name} on {data}, {options.split}: {result.accuracy:.1%} right"
        drawn = confusion_matrix(found["confusion"], model.classes, title=title)
        _say(f"the confusion matrix is in {save_figure(drawn, figure)}")
    if recipe is None:
        _say(f"{options.model} does not say what it was trained on; tested on {data}")
    elif not same or root != recipe.root:
        trained, tested = _place(recipe.data, recipe.root), _place(data, root)
        _say(f"trained on {trained}, tested on {tested}, whose classes have the same names")
    if options.json:
        exact = {name.replace(" ", "_"): share for name, share in highest.figures().items()}
        print(json.dumps({**result._asdict(), **exact, **found, "classes": rows}))
        return
    figures = figures_of(result, rows)
    if "calibration_error" in found:
        figures["calibration error"] = f"{found['calibration_error']:.4f}"
    table = Table("model", "images", *figures)
    table.add_row(model.name, f"{result.images:,} of {data}, {options.split}", *figures.values())
    exact = ", ".join(f"{name} {share:.2%}" for name, share in highest.figures().items())
    Console().print(table, *filter(None, [exact]), table_of(rows))


def _figure_path(path: str | None, model: Model) -> Path | None:
    if path is None:
        return None
    if model.task != "classes":
        raise ValueError(
            f"evaluate, --figure: expected a model of one class an image; got one of task "
            f"{model.task!r}, which has no confusion matrix; leave the option out"
        )
    file = expanded(path, "evaluate, --figure")
    if file.suffix not in (".png", ".svg"):
        raise ValueError(
            f"evaluate, --figure: expected a .png or .svg file; got {path!r}; change the name"
        )
    return file


def _figures(result: Evaluation, rows: list[dict[str, Any]]) -> dict[str, str]:
    mse = "-" if result.reconstruction_mse is None else f"{result.reconstruction_mse:.4f}"
    accuracy, loss = f"{result.accuracy:.2%}", f"{result.loss:.4f}"
    return {"accuracy": accuracy, "loss": loss, "reconstruction MSE": mse}


def _figures_of_several(result: Evaluation, rows: list[dict[str, Any]]) -> dict[str, str]:
    known = [row["f1"] for row in rows if row["f1"] is not None]
    return {
        "mean average precision": f"{result.score:.2%}",
        "mean F1": f"{sum(known) / len(known):.3f}" if known else "-",
        "all classes right": f"{result.accuracy:.2%}",
        "loss": f"{result.loss:.4f}",
    }


def _rows(model: Model, found: dict[str, Any]) -> list[dict[str, Any]]:
    """Of each class its name, its images, and its figures: None where nothing can be said, since
    it has no image or was never predicted. Takes the lists of the classes out of `found`."""
    confusion = found["confusion"]
    scores = {name: found.pop(name) for name in ("precision", "recall", "f1")}
    rows = []
    for k, name in enumerate(model.classes):
        images, predicted = sum(confusion[k]), sum(row[k] for row in confusion)
        told = {"precision": predicted, "recall": images, "f1": images}
        figures = {key: scores[key][k] if count else None for key, count in told.items()}
        rows.append({"class": name, "images": images, **figures, "predicted_as": confusion[k]})
    return rows


def _rows_of_several(model: Model, found: dict[str, Any]) -> list[dict[str, Any]]:
    """The same of classes of which an image may have several, with the threshold of each."""
    confusion = found.pop("confusion")
    names = ("precision", "recall", "f1", "average_precision")
    scores = {name: found.pop(name) for name in names}
    rows = []
    for k, name in enumerate(model.classes):
        (_, wrongly), (missed, right) = confusion[k]
        images, predicted = missed + right, wrongly + right
        told = {"precision": predicted, "recall": images, "f1": images, "average_precision": images}
        figures = {key: scores[key][k] if count else None for key, count in told.items()}
        threshold = model.calibration.thresholds[k]
        rows.append({"class": name, "images": images, **figures, "threshold": threshold})
    return rows


def _table_of_several(rows: list[dict[str, Any]]) -> Table:
    table = Table("class", "images", "precision", "recall", "F1", "average precision", "threshold")
    for row in rows:
        name, images, *figures = row.values()
        cells = ["-" if value is None else f"{value:.3f}" for value in figures]
        table.add_row(escape(name), f"{images:,}", *cells)
    return table


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


def _figures_of_regions(result: Evaluation, rows: list[dict[str, Any]]) -> dict[str, str]:
    dice, iou = _means(rows)
    return {
        "mean Dice": "-" if dice is None else f"{dice:.4f}",
        "mean IoU": "-" if iou is None else f"{iou:.4f}",
        "pixel accuracy": f"{result.accuracy:.2%}",
        "loss": f"{result.loss:.4f}",
    }


def _rows_of_regions(model: Model, found: dict[str, Any]) -> list[dict[str, Any]]:
    """Of each class how many masks have it, Dice and IoU: None where neither a mask nor an answer
    has it. Puts means in the place of the lists of the classes in `found`."""
    columns = {name: found.pop(name) for name in ("images", "dice", "iou")}
    rows = [
        {
            "class": name,
            **{key: None if isnan(values[k]) else values[k] for key, values in columns.items()},
        }
        for k, name in enumerate(model.classes)
    ]
    found["mean_dice"], found["mean_iou"] = _means(rows)
    return rows


def _means(rows: list[dict[str, Any]]) -> list[float | None]:
    """Of Dice and IoU, over the regions but the background, that of those that are known."""
    columns = ([row[key] for row in rows[1:] if row[key] is not None] for key in ("dice", "iou"))
    return [sum(known) / len(known) if known else None for known in columns]


def _table_of_regions(rows: list[dict[str, Any]]) -> Table:
    table = Table("region", "images", "Dice", "IoU")
    for row in rows:
        cells = ["-" if row[key] is None else f"{row[key]:.4f}" for key in ("dice", "iou")]
        table.add_row(escape(row["class"]), f"{row['images']:,}", *cells)
    table.caption = f"means leave out {rows[0]['class']!r}"
    return table


_LOOKS = {
    "classes": (_rows, _figures, _class_table),
    "multilabel": (_rows_of_several, _figures_of_several, _table_of_several),
    "segmentation": (_rows_of_regions, _figures_of_regions, _table_of_regions),
}


def _place(data: str, root: str | None) -> str:
    return data if root is None else f"{data} in {root}"


def _say(message: str) -> None:
    print(f"torchcaps: evaluate: {message}", file=sys.stderr)
