"""`torchcaps predict`: image or signal files in, a table out."""

import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from jsonargparse import Namespace
from PIL import Image
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table
from torch import Tensor

from torchcaps.cli.predict_masks import show_masks, write_masks
from torchcaps.data.images import Fit, read_image
from torchcaps.data.signal_file import read_signal
from torchcaps.files import write_whole
from torchcaps.machine import resolve_device
from torchcaps.models import Model, Output, load_model
from torchcaps.training import Recipe

_AT_ONCE = 64  # images


def run(options: Namespace) -> None:
    device = resolve_device(options.device)
    model = load_model(options.model).to(device)
    recipe = Recipe.of_model(options.model)
    if options.invert and len(model.in_shape) != 3:
        raise ValueError(
            f"predict, --invert: expected a model of images; got {model.name}, of signals, which "
            "have no dark and bright; leave the option out"
        )
    if options.out is not None and model.task != "segmentation":
        raise ValueError(
            f"predict, --out: expected a model that gives every pixel a class; got {model.name}, "
            "which writes no masks; leave the option out"
        )
    fit = recipe.data_options.get("fit", "pad") if recipe else "pad"
    pictures, refusals = _read(options.images, model.in_shape, fit)
    names = list(_names([path for path, _ in pictures]))
    found: list[dict[str, Any]] = []
    drawn: list[Tensor] = []
    for start in range(0, len(pictures), _AT_ONCE):
        paths, some = zip(*pictures[start : start + _AT_ONCE], strict=True)
        images = torch.stack(some)
        with torch.no_grad():
            out = model((1 - images if options.invert else images).to(device))
        if options.save_reconstruction and out.reconstruction is None:
            raise ValueError(
                f"predict, --save-reconstruction: expected a model with a decoder; {model.name} "
                "has none; leave the option out, or take a capsnet"
            )
        if model.task == "segmentation":
            folder = Path(options.out or "predictions")
            written = write_masks(model, images, out, names[start : start + _AT_ONCE], folder)
            found += [{"image": path, **said} for path, said in zip(paths, written, strict=True)]
        else:
            found += _predictions(model, paths, out)
        drawn += [] if out.reconstruction is None else out.reconstruction
    if found and options.json:
        print(json.dumps(found))
    elif found:
        show_masks(found) if model.task == "segmentation" else Console().print(_table(found))
    if options.save_reconstruction:
        for (stem, number), picture in zip(names, drawn, strict=True):
            name = f"{stem}-reconstruction{number}.png"
            path = write_whole(Path(options.save_reconstruction) / name, _png(picture))
            print(path, file=sys.stderr if options.json else sys.stdout)
    if refusals:
        others = f" (and {len(refusals) - 1} other images)" if len(refusals) > 1 else ""
        raise ValueError(refusals[0] + others)


def _read(
    paths: list[str], in_shape: tuple[int, ...], fit: Fit
) -> tuple[list[tuple[str, Tensor]], list[str]]:
    """The images or signals that can be read, with their paths, and why the others cannot."""
    pictures, refusals = [], []
    for path in paths:
        try:
            pictures.append((path, _one(path, in_shape, fit)))
        except ValueError as error:
            refusals.append(str(error))
    return pictures, refusals


def _one(path: str, in_shape: tuple[int, ...], fit: Fit) -> Tensor:
    if len(in_shape) != 3:
        return read_signal(path, in_shape)
    channels, height, width = in_shape
    return read_image(path, (channels, height, width), fit)


def _predictions(model: Model, paths: Sequence[str], out: Output) -> list[dict[str, Any]]:
    """Of each image its class, the probability and the score (capsule length or logit) of every
    class, and the angle by which it is rotated, None of a model that does not know; of a model of
    several classes an image, all those that it has in the place of its class."""
    probabilities, present = model.probabilities(out), model.present(out)
    several = model.task == "multilabel"
    angles = model.angle(out)
    return [
        {
            "image": path,
            **(
                {"classes": [model.classes[j] for j in present[k].nonzero().flatten()]}
                if several
                else {"class": model.classes[int(row.argmax())]}
            ),
            "probabilities": dict(zip(model.classes, row.tolist(), strict=True)),
            "scores": dict(zip(model.classes, out.scores[k].tolist(), strict=True)),
            "rotated_by": None if angles is None else angles[k].item(),
        }
        for k, (path, row) in enumerate(zip(paths, probabilities, strict=True))
    ]


def _table(found: list[dict[str, Any]]) -> Table:
    """The class, and the three highest probabilities."""
    table = Table(
        Column("image", overflow="fold"), Column("class", overflow="fold"), "probabilities"
    )
    rotated = found[0]["rotated_by"] is not None
    if rotated:
        table.add_column("rotated by", justify="right")
    for said in found:
        best = sorted(said["probabilities"].items(), key=lambda pair: -pair[1])[:3]
        answer = said["class"] if "class" in said else ", ".join(said["classes"]) or "none"
        told = "   ".join(f"{name} {value:.3f}" for name, value in best)
        angle = [f"{said['rotated_by']:+.0f}°"] if rotated else []
        table.add_row(*map(escape, [said["image"], answer, told, *angle]))
    return table


def _names(paths: list[str]) -> Iterator[tuple[str, str]]:
    """What the names of files about each image begin and end with, so that none is that of its
    image, and no two are the same."""
    seen: Counter[str] = Counter()
    for stem in (Path(path).stem for path in paths):
        seen[stem] += 1
        yield stem, f"-{seen[stem]}" if seen[stem] > 1 else ""


def _png(picture: Tensor) -> bytes:
    pixels = (picture.clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0).cpu().numpy()
    buffer = BytesIO()
    Image.fromarray(pixels.squeeze(-1) if pixels.shape[-1] == 1 else pixels).save(buffer, "PNG")
    return buffer.getvalue()
