"""What a training run is made of: everything that decides the weights it ends with.

Imports no torch, so that `torchcaps train --help` is quick; datasets and models load when used.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields, replace
from math import cos, pi
from pathlib import Path
from typing import Any, Literal, get_args

import yaml

from torchcaps import data as datasets
from torchcaps import models
from torchcaps.files import read_short, write_whole
from torchcaps.models.pretrained import model_folder
from torchcaps.options import check_choice, check_types
from torchcaps.plain_yaml import read_plain
from torchcaps.quoting import listed, quote

Schedule = Literal["constant", "cosine", "sabour2017"]
AskedPrecision = Literal["auto", "fp32", "bf16"]


@dataclass(frozen=True)
class Recipe:
    """A training run. The same recipe on the same machine gives the same weights."""

    model: str = "capsnet_small"
    """Architecture, one of `torchcaps models`."""
    data: str = "digits"
    """Dataset, one of `torchcaps datasets`."""
    root: str | None = None
    """Folder of the data files (default: $TORCHCAPS_DATA, then the user's cache)."""
    train_images: int | None = None
    """Train on this many images, drawn by the seed (default: the whole training split)."""
    epochs: int = 30
    """Passes over the training images."""
    batch_size: int = 64
    """Images a step, over all processes together."""
    lr: float = 1e-3
    """Adam's learning rate at the start."""
    schedule: Schedule = "constant"
    """Of the learning rate: constant, cosine to 0, or the authors' 0.96 every 2,000 steps."""
    shift: int = 0
    """Shift each training image by up to this many pixels, anew in every epoch."""
    subpixel: bool = False
    """Shift by up to half a pixel more, so that nothing is learnt of how the pixels lie."""
    precision: AskedPrecision = "auto"
    """auto takes the number format and memory layout measured fastest for a large model."""
    seed: int = 0
    """Of the weights at the start, the choice and the order of images, and the shifts."""
    model_options: dict[str, Any] = field(default_factory=dict)
    """Options of the model, such as {iterations: 1}."""
    data_options: dict[str, Any] = field(default_factory=dict)
    """Options of the dataset, such as {size: 64} for folder."""

    def __post_init__(self) -> None:
        """Raise a `ValueError` for a field of the wrong type or out of range."""
        for name, least in (("epochs", 1), ("batch_size", 1), ("shift", 0), ("seed", 0)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise ValueError(
                    f"Recipe, {name}: expected a whole number, at least {least}; got "
                    f"{quote(value)}; give a larger {name}"
                )
        if not isinstance(self.subpixel, bool):
            raise ValueError(
                f"Recipe, subpixel: expected true or false; got {quote(self.subpixel)}; leave it "
                "out for whole pixels"
            )
        if self.seed >= 2**63:
            raise ValueError(
                f"Recipe, seed: expected less than 2**63; got {self.seed}; give a smaller seed"
            )
        if (
            isinstance(self.lr, bool)
            or not isinstance(self.lr, int | float)
            or not 0 < self.lr < float("inf")
        ):
            raise ValueError(
                f"Recipe, lr: expected a positive number; got {quote(self.lr)}; 0.001 is a good "
                "start"
            )
        check_choice("Recipe", "schedule", self.schedule, get_args(Schedule))
        check_choice("Recipe", "precision", self.precision, get_args(AskedPrecision))
        check_types("Recipe", type(self), self.__dict__)

    def load_data(self, split: str) -> datasets.ImageDataset:
        """A split of the dataset; of the training split, `train_images` drawn by the seed."""
        try:
            dataset = datasets.load_dataset(self.data, split, self.root, **self.data_options)
        except RuntimeError as error:
            if self.root is None or not self.root.startswith("~"):
                raise
            raise ValueError(
                f"Recipe, root: expected a folder; got {self.root!r}, of a user without a home "
                f"({error}); write the whole path"
            ) from None
        side = min(dataset.in_shape[1:])
        if self.shift >= side:
            raise ValueError(
                f"Recipe, shift: expected less than {side}, the smaller side of the images; "
                f"got {self.shift}, which may leave nothing of them; give a smaller shift"
            )
        if split == "train" and self.train_images is not None:
            return dataset.sample(self.train_images, self.seed)
        return dataset

    def build_model(self, dataset: datasets.ImageDataset) -> models.Model:
        """The untrained model for the images and classes of `dataset`."""
        model = models.create_model(
            self.model, dataset.in_shape, dataset.num_classes, **self.model_options
        )
        model.classes = dataset.classes
        return model

    def lr_at(self, step: int, total_steps: int) -> float:
        """Learning rate of a step; a pure function, so that resuming needs no state of it."""
        if self.schedule == "cosine":
            return self.lr * (1 + cos(pi * step / total_steps)) / 2
        if self.schedule == "sabour2017":
            return max(self.lr * 0.96 ** (step / 2000), 1e-6)
        return self.lr

    def extended(self, epochs: int) -> Recipe:
        """The same with more epochs, for a run that goes on. Raises a `ValueError` where it would
        not end with the weights of a run that had them from the start."""
        if self.schedule == "cosine" and epochs != self.epochs:
            raise ValueError(
                f"--resume, epochs: expected {self.epochs}, since the cosine schedule of the "
                f"epochs done depends on the number; got {epochs}; start anew in another --out"
            )
        if epochs < self.epochs:
            raise ValueError(
                f"--resume, epochs: expected at least {self.epochs}, as the run has; got {epochs}; "
                "give a larger number, or leave it out"
            )
        return replace(self, epochs=epochs)

    def save(self, path: Path) -> None:
        """Write the recipe as YAML that `torchcaps train --config` reads."""
        write_whole(path, yaml.safe_dump(asdict(self), sort_keys=False))

    @classmethod
    def load(cls, path: Path) -> Recipe:
        """Read a recipe that `save` wrote. Raises a `ValueError` where there is none."""
        remedy = "give the folder of a run that this torchcaps wrote"
        try:
            text = read_short(path)
        except OSError as error:
            raise ValueError(
                f"{path}: expected the config.yaml of a run; got {type(error).__name__}; {remedy}"
            ) from None
        values = read_plain(text, str(path))
        known = {f.name for f in fields(cls)}
        unknown = [name for name in values if name not in known] if isinstance(values, dict) else []
        if unknown or not isinstance(values, dict):
            got = f"also {listed(map(str, unknown))}" if unknown else quote(values)
            raise ValueError(
                f"{path}: expected a recipe with some of {', '.join(sorted(known))}; "
                f"got {got}; {remedy}"
            )
        return cls(**values)

    @classmethod
    def of_model(cls, folder: str | Path) -> Recipe | None:
        """That of a run, also for its folder best/; None where `folder` is no part of a run."""
        from torchcaps.training.belongings import BEST, CONFIG  # with torch

        folder = model_folder(folder)
        path = (folder.parent if folder.name == BEST else folder) / CONFIG
        return cls.load(path) if path.is_file() else None
