"""`torchcaps predict`: image files in, a table out."""

from collections import Counter
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import torch
from jsonargparse import Namespace
from PIL import Image
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table
from torch import Tensor

from torchcaps.data.images import read_image
from torchcaps.files import write_whole
from torchcaps.machine import resolve_device
from torchcaps.models import Model, Output, load_model
from torchcaps.training import Recipe


def run(options: Namespace) -> None:
    model = load_model(options.model).to(resolve_device(options.device))
    recipe = Recipe.of_model(options.model)
    fit = recipe.data_options.get("fit", "pad") if recipe else "pad"
    images = torch.stack([read_image(path, model.in_shape, fit) for path in options.images])
    if options.invert:
        images = 1 - images
    with torch.no_grad():
        out = model(images.to(resolve_device(options.device)))
    if options.save_reconstruction and out.reconstruction is None:
        raise ValueError(
            f"predict, --save-reconstruction: expected a model with a decoder; {model.name} has "
            "none; leave the option out, or take a capsnet"
        )
    Console().print(_table(model, options.images, out))
    if out.reconstruction is not None and options.save_reconstruction:
        names = _names(options.images)
        for name, picture in zip(names, out.reconstruction, strict=True):
            print(write_whole(Path(options.save_reconstruction) / name, _png(picture)))


def _table(model: Model, paths: list[str], out: Output) -> Table:
    """The class, and the three highest scores: lengths of capsules, or a CNN's probabilities;
    of a network that knows it also by how much the image is turned."""
    capsules = out.poses is not None
    scores = out.scores if capsules else out.scores.softmax(-1)
    table = Table(
        Column("image", overflow="fold"),
        Column("class", overflow="fold"),
        "capsule lengths" if capsules else "probabilities",
    )
    angles: list[float | None] = [None] * len(paths)
    found = model.angle(out)
    if found is not None:
        table.add_column("rotated by", justify="right")
        angles = found.tolist()
    for path, row, angle in zip(paths, scores, angles, strict=True):
        best = row.topk(min(3, len(row)))
        said = [
            f"{model.classes[k]} {v:.3f}" for v, k in zip(*map(Tensor.tolist, best), strict=True)
        ]
        cells = [path, model.classes[int(row.argmax())], "   ".join(said)]
        turned = [] if angle is None else [f"{angle:+.0f}°"]
        table.add_row(*map(escape, cells + turned))
    return table


def _names(paths: list[str]) -> Iterator[str]:
    """A file name for each reconstruction: never that of its image, and no two the same."""
    seen: Counter[str] = Counter()
    for stem in (Path(path).stem for path in paths):
        seen[stem] += 1
        yield f"{stem}-reconstruction{f'-{seen[stem]}' if seen[stem] > 1 else ''}.png"


def _png(picture: Tensor) -> bytes:
    pixels = (picture.clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0).cpu().numpy()
    buffer = BytesIO()
    Image.fromarray(pixels.squeeze(-1) if pixels.shape[-1] == 1 else pixels).save(buffer, "PNG")
    return buffer.getvalue()
