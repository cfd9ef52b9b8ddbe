"""What `torchcaps predict` does with a model that gives every pixel a class."""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table
from torch import Tensor

from torchcaps.figures.overlay import overlay, region_colours
from torchcaps.files import write_whole
from torchcaps.models import Model, Output

_IN_A_BYTE = 256


def write_masks(
    model: Model, images: Tensor, out: Output, names: Sequence[tuple[str, str]], folder: Path
) -> list[dict[str, Any]]:
    """Write STEM-mask.png and STEM-overlay.png of each image (before the suffix comes the second of
    its `names`), as large as the network saw it; of a volume STEM-mask.npy, and the overlay of its
    middle slice. Returns where, and the share of pixels that each class has."""
    if model.num_classes > _IN_A_BYTE:
        raise ValueError(
            f"predict: expected a model of at most {_IN_A_BYTE} classes, as a mask has a byte a "
            f"pixel; got {model.name} of {model.num_classes}; call it in Python"
        )
    found = []
    answers = out.scores.argmax(1).cpu()
    for image, answer, (stem, number) in zip(images, answers, names, strict=True):
        flat = answer.ndim == 2
        mask = folder / f"{stem}-mask{number}.{'png' if flat else 'npy'}"
        tinted = folder / f"{stem}-overlay{number}.png"
        write_whole(mask, _indexed(answer, model.num_classes) if flat else _npy(answer))
        write_whole(tinted, _png(_tinted(image, answer, model.num_classes)))
        counts = answer.flatten().bincount(minlength=model.num_classes)
        shares = (counts / answer.numel()).tolist()
        regions = dict(zip(model.classes, shares, strict=True))
        found.append({"mask": str(mask), "overlay": str(tinted), "regions": regions})
    return found


def show_masks(found: list[dict[str, Any]]) -> None:
    table = Table(Column("image", overflow="fold"), "regions", Column("mask", overflow="fold"))
    for said in found:
        there = [f"{name} {share:.1%}" for name, share in said["regions"].items() if share]
        table.add_row(*map(escape, [said["image"], "   ".join(there), said["mask"]]))
    Console().print(table)


def _indexed(mask: Tensor, num_classes: int) -> bytes:
    """A PNG whose indices are the classes, with a colour for each."""
    picture = Image.fromarray(mask.to(torch.uint8).numpy(), "P")
    picture.putpalette((region_colours(num_classes) * 255).round().astype(np.uint8).tobytes())
    return _png(picture)


def _npy(mask: Tensor) -> bytes:
    buffer = BytesIO()
    np.save(buffer, mask.to(torch.uint8).numpy())
    return buffer.getvalue()


def _tinted(image: Tensor, mask: Tensor, num_classes: int) -> Image.Image:
    """The image under its mask; of a volume the middle slice, its numbers stretched to [0, 1]."""
    if mask.ndim == 3:
        middle = len(mask) // 2
        image, mask = image[:, middle], mask[middle]
        low, high = image.min(), image.max()
        image = (image - low) / (high - low).clamp_min(1e-12)
    pixels = (overlay(image, mask, num_classes) * 255).round()
    return Image.fromarray(pixels.astype(np.uint8))


def _png(picture: Image.Image) -> bytes:
    buffer = BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()
