"""smallNORB: toys of five kinds, each seen by two cameras from 162 viewpoints in 6 lightings."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from .counter import uniforms
from .dataset import ImageDataset
from .fetch import data_root, locate
from .registry import Root
from .smallnorb_file import read_matrix, read_rows
from .splits import hold_out
from .transforms import place

CLASSES = ("animal", "human", "airplane", "truck", "car")
SIDE = 96
_URL = "https://cs.nyu.edu/~ylclab/data/norb-v1.0-small/"
_STEMS = {
    "train": "smallnorb-5x46789x9x18x6x2x96x96-training",
    "test": "smallnorb-5x01235x9x18x6x2x96x96-testing",
}
_SHA256 = {  # of the .mat.gz files
    "train": {
        "dat": "5ffd6272a07d32695ee1082a26a41a93a37aab8c28da047f8c34ed348d214873",
        "cat": "2784e542c1922060691090952b6cd6278879a216c90f81476f0f00256d42cdaa",
        "info": "de7eb932ebe7a4ee16217fead60660d0eb3d23632c2f4d1c51f88c501c17bf32",
    },
    "test": {
        "dat": "cf7104eed3e51174d2f65b66d1e5878b9da233b886f161b0d88f4510ba2c7474",
        "cat": "ecaf6d5bb8c3bc5eab9cf0258f6d2198dd474e016e374836fc097f2e5ff509ff",
        "info": "16adf314226327ee006d1a44db8cfef52773c06c829951d5653a9f6f310248a2",
    },
}
_FAMILIAR = {  # column of info, and its values for training
    "azimuth": (2, (30, 32, 34, 0, 2, 4)),  # in tens of degrees: 300 to 40
    "elevation": (1, (0, 1, 2)),  # the lowest three of nine
}
_SPLIT_SEED, _CROP_STREAM = 2004, 1
_IMAGES_PER_HELD = 10


def smallnorb(
    split: str,
    root: Root,
    *,
    cameras: Literal["stereo", "mono"] = "stereo",
    size: int = 48,
    crop: int | None = None,
    viewpoints: Literal["all", "azimuth", "elevation"] = "all",
    tested: Literal["novel", "familiar"] = "novel",
) -> ImageDataset:
    """Grey toys from two cameras (LeCun, Huang, Bottou 2004); files in `root`/smallnorb/.

    24,300 images of 96 x 96 of 25 toys for training, and as many of 25 others for the test. Files
    have the official names, `smallnorb-...-dat.mat`, `-cat.mat` and `-info.mat`, also with .gz.

    cameras: "stereo": both as two channels; "mono": the first alone, one channel.
    size: pixels of a side, reduced from 96 by averages over areas: 48 as Hinton et al. (2018).
    crop: cut out so many pixels of a side: the middle for validation and test, for training a place
        at random, one for each image. 32 of 48 is the preprocessing of Hinton et al. (2018), who
        draw the place anew in each epoch and vary brightness and contrast (options of recipes).
    viewpoints: "azimuth": training images from 300 to 40 degrees alone, test images from 60 to
        280; "elevation": from the three lowest of nine, test images from the others.
    tested: "familiar" has the test toys from the viewpoints of training, for comparison.

    One training image in ten, drawn from the training viewpoints alone, is for validation. These
    show the same toys as the training images: accuracy on them says little of other toys.
    """
    _check_sizes(size, crop)
    part = "test" if split == "test" else "train"
    folder, stem = data_root(root) / "smallnorb", _STEMS[part]
    dat, cat, info = (
        locate(folder, f"{stem}-{kind}.mat.gz", _URL, _SHA256[part][kind])
        for kind in ("dat", "cat", "info")
    )
    labels = torch.from_numpy(read_matrix(cat, "<i4", ())).long()
    places = torch.from_numpy(read_matrix(info, "<i4", (4,)))
    if len(labels) != len(places):
        raise ValueError(
            f"smallnorb, {cat.name} and {info.name}: expected as many rows; got {len(labels)} and "
            f"{len(places)}; delete both files and fetch or copy them again"
        )
    chosen = _seen(places, viewpoints, familiar=part == "train" or tested == "familiar")
    if split in ("train", "validation"):
        held = hold_out(len(chosen), len(chosen) // _IMAGES_PER_HELD, _SPLIT_SEED)
        chosen = chosen[held[split]]
    images = _read(dat, len(labels), chosen, 2 if cameras == "stereo" else 1, size)
    if crop is not None:
        images = _cropped(images, crop, chosen if split.startswith("train") else None)
    return ImageDataset(images, labels[chosen], CLASSES, name="smallnorb", split=split)


def _seen(places: Tensor, viewpoints: str, *, familiar: bool) -> Tensor:
    """The numbers of the images from the viewpoints of training, or from the others."""
    if viewpoints == "all":
        return torch.arange(len(places))
    column, values = _FAMILIAR[viewpoints]
    chosen = (torch.isin(places[:, column], torch.tensor(values)) == familiar).nonzero().flatten()
    if len(chosen):
        return chosen
    raise ValueError(
        f"smallnorb, viewpoints: expected images from {'' if familiar else 'other than '}the "
        f"{viewpoints}s of training; got none; copy the whole files, or take viewpoints='all'"
    )


def _read(path: Path, count: int, chosen: Tensor, channels: int, size: int) -> Tensor:
    """The chosen images of a file of `count`, uint8 [N,channels,size,size]."""
    wanted = torch.zeros(count, dtype=torch.bool)
    wanted[chosen] = True
    pieces, seen = [], 0
    for rows in read_rows(path, "<u1", (2, SIDE, SIDE)):
        some = wanted[seen : seen + len(rows)]
        seen += len(rows)
        if seen > count:
            break
        pixels = torch.from_numpy(rows.copy())[some, :channels]
        small = interpolate(pixels.float(), size=(size, size), mode="area")
        pieces.append(small.round().to(torch.uint8))
    if seen != count:
        raise ValueError(
            f"smallnorb, {path}: expected {count} images, as there are labels; got another number; "
            "delete the files and fetch or copy them again"
        )
    return torch.cat(pieces)


def _cropped(images: Tensor, side: int, numbers: Tensor | None) -> Tensor:
    """The middle [N,C,side,side] of each image, or a place drawn by its number."""
    free = images.shape[-1] - side
    middle = -(-free // 2)  # as `place` has it
    if numbers is None:
        corner = torch.full((len(images), 2), middle)
    else:
        drawn = uniforms(0, _CROP_STREAM, 0, int(numbers.max()) + 1, 2)[numbers]
        corner = (drawn.double() * (free + 1)).long()
    x, y = (middle - corner).unbind(1)  # to where it goes from the middle
    return place(images, (side, side), x, y)


def _check_sizes(size: int, crop: int | None) -> None:
    for name, value, high in (("size", size, SIDE), ("crop", crop, size)):
        if value is not None and not 1 <= value <= high:
            raise ValueError(
                f"load_dataset 'smallnorb', {name}: expected 1 to {high} pixels; got {value}; "
                f"leave {name} out for the usual one"
            )
