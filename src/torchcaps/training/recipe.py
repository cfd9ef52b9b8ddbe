"""What a training run is made of: everything that decides the weights it ends with.

Imports no torch, so that `torchcaps train --help` is quick; datasets and models load when used.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields, replace
from math import ceil
from pathlib import Path
from typing import Any, Literal, get_args

import yaml

from torchcaps import data as datasets
from torchcaps import models
from torchcaps.files import read_short, write_whole
from torchcaps.models.pretrained import model_folder
from torchcaps.plain_yaml import read_plain
from torchcaps.quoting import listed, quote
from torchcaps.training.recipe_checks import check_extension, check_images, check_recipe

Optimizer = Literal[
    "Adam", "AdamW", "SGD", "RMSprop", "NAdam", "RAdam", "Adamax", "Adagrad", "Adadelta", "ASGD"
]  # fmt: skip
Schedule = Literal[
    "constant", "cosine", "sabour2017",
    "StepLR", "MultiStepLR", "ExponentialLR", "PolynomialLR", "CosineAnnealingWarmRestarts",
]  # fmt: skip
ClassWeights = Literal["none", "balanced"]
Sampling = Literal["shuffled", "balanced"]
Flip = Literal["none", "horizontal", "vertical", "both"]
AskedPrecision = Literal["auto", "fp32", "bf16"]
CHOICES: dict[str, tuple[str, ...]] = {
    "optimizer": get_args(Optimizer),
    "schedule": get_args(Schedule),
    "class_weights": get_args(ClassWeights),
    "sampling": get_args(Sampling),
    "flip": get_args(Flip),
    "precision": get_args(AskedPrecision),
}


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
    against_rest: str | None = None
    """Learn this class against all others, as the class "rest" (default: all classes)."""
    epochs: int | None = None
    """Passes over the training images (default: 30, or as many as make 500 steps)."""
    patience: int | None = None
    """Stop after this many epochs without a better validation accuracy (default: never). The
    weights of the best epoch are in the folder best/ of the run."""
    batch_size: int = 64
    """Images at once, over all processes together."""
    accumulate: int = 1
    """Batches whose mean gradient makes one step; those left over at an epoch's end make one."""
    optimizer: Optimizer = "Adam"
    """The optimizer, by its name in torch.optim."""
    optimizer_options: dict[str, Any] = field(default_factory=dict)
    """Options of the optimizer, such as {momentum: 0.9} for SGD."""
    lr: float = 1e-3
    """Learning rate at the start."""
    backbone_lr: float | None = None
    """That of the model's backbone, if it has one (default: lr); schedules scale both alike."""
    weight_decay: float | None = None
    """Weight decay (default: the optimizer's own, 0.01 for AdamW and 0 for the others)."""
    schedule: Schedule = "constant"
    """Of the learning rate: constant, cosine to 0, the authors' 0.96 every 2,000 steps, or a
    scheduler of torch that is stepped once an epoch."""
    schedule_options: dict[str, Any] = field(default_factory=dict)
    """Options of a scheduler of torch, such as {step_size: 10} for StepLR, counted in epochs."""
    warmup: float = 0.0
    """Epochs, or a fraction of one, of linear warm-up of the learning rate from 0."""
    clip: float | None = None
    """Largest norm of the gradient, over all weights (default: no limit)."""
    class_weights: ClassWeights = "none"
    """balanced weighs an image by N / (K n): N images, K classes, n images of its class."""
    sampling: Sampling = "shuffled"
    """shuffled takes each training image once an epoch; balanced draws as many, with replacement,
    equally many of each class."""
    shift: int = 0
    """Shift each training image by up to this many pixels, anew in every epoch."""
    subpixel: bool = False
    """Shift by up to half a pixel more, so that the pixel-grid alignment is not learnt."""
    crop: float = 0.0
    """Resize a random window of each training image to the whole: each side down to 1 - x."""
    flip: Flip = "none"
    """Mirror each training image with probability 1/2: left and right (horizontal), top and
    bottom (vertical), or both."""
    rotate: float = 0.0
    """Rotate each training image by up to this many degrees in either direction."""
    brightness: float = 0.0
    """Scale the brightness of each training image by a factor of up to 1 - x or 1 + x."""
    contrast: float = 0.0
    """Scale the contrast of each training image likewise, about its mean grey."""
    saturation: float = 0.0
    """Scale the saturation of each training image likewise (RGB images)."""
    noise: float = 0.0
    """Add Gaussian noise of this standard deviation to each training image or signal."""
    augment: str | None = None
    """Name of the function that `tc.train` was given to change training images after all these; the
    command line has none."""
    precision: AskedPrecision = "auto"
    """auto takes the number format and memory layout measured fastest for a large model."""
    seed: int = 0
    """Of the initial weights, the choice and the order of images, and their augmentation."""
    model_options: dict[str, Any] = field(default_factory=dict)
    """Options of the model, such as {iterations: 1}."""
    data_options: dict[str, Any] = field(default_factory=dict)
    """Options of the dataset, such as {size: 64} for folder."""

    def __post_init__(self) -> None:
        """Raise a `ValueError` for a field of the wrong type or out of range."""
        check_recipe(self, CHOICES)

    def load_data(self, split: str) -> datasets.ImageDataset:
        """A split of the dataset; of the training split, `train_images` drawn by the seed."""
        dataset = datasets.load_dataset(self.data, split, self.root, **self.data_options)
        return self.sampled(dataset) if split == "train" else self.relabelled(dataset)

    def relabelled(self, dataset: datasets.ImageDataset) -> datasets.ImageDataset:
        """A dataset with the classes of this recipe: its own, or two where it has `against_rest`.
        Raises a `ValueError` where it lacks that class."""
        if self.against_rest is None:
            return dataset
        return datasets.against_rest(dataset, self.against_rest)

    def sampled(self, dataset: datasets.ImageDataset) -> datasets.ImageDataset:
        """`train_images` of a training set, drawn by the seed. Raises a `ValueError` where there
        are fewer, or where they are too small for `shift` or grey for `saturation`."""
        check_images(self, dataset.in_shape)
        dataset = self.relabelled(dataset)
        if self.train_images is None:
            return dataset
        return dataset.sample(self.train_images, self.seed)

    def augmentation(self) -> datasets.Augmentation:
        """What is done to each training image."""
        known = datasets.Augmentation._fields
        return datasets.Augmentation(**{name: getattr(self, name) for name in known})

    def build_model(self, dataset: datasets.ImageDataset) -> models.Model:
        """The untrained model for the images and classes of `dataset`."""
        options = self.model_options
        if dataset.task == "multilabel" and "decoder" in models.options_of(self.model):
            options = {"decoder": "none", **options}  # which would draw the capsule of one class
        model = models.create_model(self.model, dataset.in_shape, dataset.num_classes, **options)
        model.classes, model.task = dataset.classes, dataset.task
        return model

    def settled(self, images: int) -> Recipe:
        """With a number of epochs, for a run on so many training images: of few images 30 passes
        would be too few steps to learn from."""
        if self.epochs is not None:
            return self
        batches = images // min(self.batch_size, images)
        return replace(self, epochs=max(30, ceil(500 * self.accumulate / batches)))

    @property
    def last_epoch(self) -> int:
        """The epochs of a recipe that is settled, as that of every run is; a `ValueError` for one
        that is not."""
        if self.epochs is None:
            raise ValueError(
                "Recipe, epochs: expected a number in the recipe of a run; got null; "
                "write how many epochs it was trained"
            )
        return self.epochs

    def is_over(self, epochs: int, best_epoch: int) -> bool:
        """Whether a run of so many epochs is at its end, or nothing got better for `patience`."""
        waited = self.patience is not None and epochs - best_epoch >= self.patience
        return waited or epochs >= self.last_epoch

    def extended(self, epochs: int) -> Recipe:
        """The same with more epochs, for a run that goes on. Raises a `ValueError` where it would
        not end with the weights of a run that had them from the start."""
        check_extension(self, epochs)
        return replace(self, epochs=epochs)

    def save(self, path: Path) -> None:
        """Write the recipe as YAML that `torchcaps train --config` reads."""
        write_whole(path, yaml.safe_dump(asdict(self), sort_keys=False))

    @classmethod
    def load(cls, path: Path) -> Recipe:
        """Read a recipe that `save` wrote. Raises a `ValueError` where there is none, a
        `PermissionError` where it may not be read."""
        remedy = "give the folder of a run that this torchcaps wrote"
        try:
            text = read_short(path)
        except PermissionError:
            raise
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
