"""Training in Python: a model and a dataset, by name or one's own, and a recipe for the rest."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.utils.data import Dataset

from torchcaps.data import ImageDataset, match_classes
from torchcaps.data.torch_dataset import as_images
from torchcaps.files import expanded
from torchcaps.models import Model
from torchcaps.models.saved_files import plain_name
from torchcaps.models.saving import WEIGHTS, unwrap
from torchcaps.quoting import quote
from torchcaps.training.begin import begin, go_on
from torchcaps.training.loop import _Loop
from torchcaps.training.materials import Materials
from torchcaps.training.own_augment import OwnAugment
from torchcaps.training.plain import PlainModel
from torchcaps.training.processes import everywhere
from torchcaps.training.recipe import Recipe
from torchcaps.training.run_folder import BEST, CONFIG, read_metrics


class Trained(NamedTuple):
    """The trained model, in evaluation mode on the device it was trained on; and its history, a
    record for each epoch: epoch, loss, lr, accuracy, validation_loss, reconstruction_mse (None
    without validation images or decoder), seconds, seconds_total (with validation)."""

    model: nn.Module
    history: list[dict[str, Any]]


def train(
    model: str | nn.Module,
    data: str | Dataset[Any],
    *,
    recipe: Recipe | None = None,
    validation: Dataset[Any] | None = None,
    augment: Callable[[Tensor], Tensor] | None = None,
    out: str | Path | None = None,
    overwrite: bool = False,
    resume: bool = False,
    quiet: bool = False,
    device: str = "auto",
) -> Trained:
    r"""Train a model on labelled images: the steps that lessen $\frac1B \sum_b w_b L_b$, with the
    loss L of the model and the weights w of the recipe's `class_weights` (1 by default).

    Args:
        model: a name of `list_models()`; a `models.Model`, trained with its own loss; or any
            module that gives logits `[B, J]` for images `[B, C, H, W]`, trained with cross entropy
            (binary, of each class for itself, where an image has several).
            A module is trained in place and returned.
        data: a name of `list_datasets()`, with its validation split; an `ImageDataset`; or any
            torch dataset of (image, label), images `[C, H, W]` all of one shape, uint8 or
            floating, labels whole numbers from 0, or rows `[J]` of 0 and 1.
        recipe: everything else, see `training.Recipe`; its `model` and `data` are not looked at.
        validation: images to test each epoch on, as `data`. Without any (and with `data` that is no
            name) nothing is tested: accuracy is None, and `patience` is refused.
        augment: a function that changes the training images of a batch, `[B, C, H, W]` in [0, 1] to
            the same shape, after the changes of the recipe; a transform of torchvision is called
            for each image by itself. What it draws from torch is a function of seed, epoch and
            batch. The recipe in `out` has its name, and `resume` needs it again.
        out: the run folder to write, as `torchcaps train` does; without it nothing stays on disk.
            Of a module that is no `models.Model` it holds the weights, but no config.json.
        overwrite: replace a run in `out`.
        resume: go on with the run in `out` from its last checkpoint, to the weights it would have
            had without the interruption: with the same model, data and recipe.
        quiet: show no progress.
        device: "cpu", "cuda", "cuda:1", "mps", or "auto".

    The weights are those of the last epoch; with `patience`, those of the best one.

    Raises a `ValueError` for bad input or a folder in use, `training.Diverged` for NaN or infinite
    losses and weights, `training.Interrupted` after Ctrl-C, with the state saved in `out`.

    >>> from torchcaps.training import Recipe
    >>> few = Recipe(epochs=2, train_images=64, model_options={"hidden": 8})
    >>> model, history = train("cnn", "digits", recipe=few, quiet=True)
    >>> model.name, [record["epoch"] for record in history]
    ('cnn', [1, 2])
    """
    if resume and out is None:
        raise ValueError(
            "train, resume: expected the folder of a run in out; got none; give the out of the run"
        )
    change = None if augment is None else OwnAugment(augment)
    materials = _materials(model, data, validation, _naming(recipe or Recipe(), change))
    materials = materials._replace(augment=change)
    with ExitStack() as stack:
        out = None if out is None else expanded(out, "train, out")
        folder = out or Path(stack.enter_context(TemporaryDirectory()))
        loop = _Loop(materials, folder, None, quiet, device)
        loop.keeps = out is not None
        loop.remedy = "nothing is kept, since no out was given"
        if loop.keeps:
            loop.remedy = f"continue with the same call and resume=True (out={str(out)!r})"
        if resume:
            _refuse_another(materials.recipe, folder)
            go_on(loop)
        else:
            begin(loop, overwrite=overwrite)
        bare = materials.model
        own = bare.network if isinstance(bare, PlainModel) else bare
        if materials.recipe.patience is not None:
            _load_weights(own, folder / BEST / WEIGHTS)
        return Trained(own.eval(), everywhere(read_metrics(folder))[0])


def _naming(recipe: Recipe, augment: OwnAugment | None) -> Recipe:
    """The recipe with the name of the caller's function; one that has a name already has its."""
    name = augment and augment.name
    if recipe.augment not in (None, name):
        raise ValueError(
            f"train, augment: expected {quote(recipe.augment)}, which the recipe names; got "
            f"{'none' if name is None else quote(name)}; give that function, or a recipe without"
        )
    return replace(recipe, augment=name)


def _materials(
    model: str | nn.Module, data: str | Dataset[Any], validation: Dataset[Any] | None, asked: Recipe
) -> Materials:
    if isinstance(data, str):
        asked = replace(asked, data=data)
        train_set, names = asked.load_data("train"), None
    else:
        whole = as_images(data)
        asked = replace(asked, data=whole.name)
        train_set, names = asked.sampled(whole), whole.classes
    if validation is not None:
        held = asked.relabelled(as_images(validation, names))
    else:
        held = asked.load_data("validation") if isinstance(data, str) else None
    if held is not None and held.in_shape != train_set.in_shape:
        raise ValueError(
            f"train, validation: expected images {train_set.in_shape}, as in training; got "
            f"{held.in_shape}; load them alike"
        )
    asked = asked.settled(len(train_set))
    torch.manual_seed(asked.seed)
    if isinstance(model, str):
        asked = replace(asked, model=model)
        return Materials(asked, asked.build_model(train_set), train_set, held)
    bare = unwrap(model)
    if not isinstance(bare, Model):
        asked = replace(asked, model=type(bare).__name__)
        bare = PlainModel(bare, train_set.in_shape, train_set.num_classes)
        bare.classes = train_set.classes
        bare.task = train_set.task
    else:
        asked = replace(asked, model=bare.name)
        train_set = _fitting(bare, train_set)
    return Materials(asked, bare, train_set, held)


def _fitting(model: Model, train_set: ImageDataset) -> ImageDataset:
    """The training set with the labels of the model, which takes its names where it has none."""
    found = train_set.in_shape, train_set.num_classes
    named = bool(model.config.get("classes"))
    if model.in_shape != found[0] or (not named and model.num_classes != found[1]):
        raise ValueError(
            f"train, model: expected one for images {found[0]} of {found[1]} classes, as the data "
            f"are; got {model.name} for {model.in_shape} and {model.num_classes}; build it with "
            "the in_shape and num_classes of the dataset"
        )
    model.task = train_set.task
    if named:
        return match_classes(train_set, model.classes, "train")
    model.classes = train_set.classes
    return train_set


def _refuse_another(recipe: Recipe, folder: Path) -> None:
    begun = Recipe.load(folder / CONFIG).extended(recipe.last_epoch)
    wanted, found = asdict(recipe), asdict(begun)
    if others := [name for name in wanted if wanted[name] != found[name]]:
        raise ValueError(
            f"train, resume: expected the recipe that {folder} was begun with, "
            f"{', '.join(f'{name} {found[name]!r}' for name in others)}; got "
            f"{', '.join(f'{name} {wanted[name]!r}' for name in others)}; give that one"
        )


def _load_weights(module: nn.Module, path: Path) -> None:
    saved = load_file(path)
    module.load_state_dict({name: saved[plain_name(name)] for name in module.state_dict()})
