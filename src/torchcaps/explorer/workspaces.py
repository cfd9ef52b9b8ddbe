"""Workspaces: networks for one kind of image, and test images for them."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from torchcaps.data import ImageDataset, require_one_class
from torchcaps.explorer.first_view import first_view
from torchcaps.explorer.refusal import Refused
from torchcaps.explorer.shown import Shown, show
from torchcaps.models import Model, load_model
from torchcaps.models.pretrained import model_folder
from torchcaps.training import Recipe
from torchcaps.training.run_folder import CONFIG

WORKSPACES = ("digits", "faces")
CPU = torch.device("cpu")
_FIRST = 50  # images of each class that a page may choose among


@dataclass(frozen=True)
class Workspace:
    """Never changed, only replaced: requests that run beside each other share it."""

    id: str
    recipe: Recipe  # of its data
    test_set: ImageDataset
    models: tuple[Shown, ...]

    @property
    def in_shape(self) -> tuple[int, int, int]:
        channels, height, width = self.test_set.in_shape
        return channels, height, width

    @property
    def classes(self) -> tuple[str, ...]:
        return self.test_set.classes

    @cached_property
    def first_view(self) -> dict[str, Any] | None:
        """See `first_view`; faces open with a drawing."""
        return None if self.id == "faces" else first_view(self.models, self.test_set)

    @cached_property
    def by_id(self) -> dict[str, Shown]:
        return {shown.id: shown for shown in self.models}

    def require_models(self) -> None:
        if not self.models:
            raise Refused(
                f"{self.id}: expected at least one trained model; got none; train some first", 409
            )

    def as_json(self) -> dict[str, Any]:
        labels = self.test_set.labels
        return {
            "id": self.id,
            "dataset": self.recipe.data,
            "in_shape": list(self.in_shape),
            "classes": list(self.classes),
            "test_images": len(self.test_set),
            "first_of_class": [
                (labels == k).nonzero().flatten()[:_FIRST].tolist()
                for k in range(len(self.classes))
            ],
            "first_view": self.first_view,
            "models": [shown.as_json() for shown in self.models],
        }


def workspace_of(recipe: Recipe) -> str:
    """The id of the workspace that a run with this recipe belongs to."""
    wholes = recipe.data_options.get("task", "wholes") == "wholes"
    return "faces" if recipe.data == "faces" and wholes else "digits"


def recipe_of(folder: Path) -> Recipe:
    """That of a run, or of a network that comes with the package."""
    return Recipe.load(model_folder(folder) / CONFIG)


def load_workspace(
    id: str, folders: list[Path], recipe: Recipe, device: torch.device = CPU
) -> Workspace:
    """The models in `folders` (or that come with the package, by name), on `device`, and the test
    images of the first; of `recipe` if there are none.

    Raises a `ValueError` for a model that cannot be loaded, that is not of images, that answers
    with NaN, or that does not fit the others.
    """
    if folders:
        recipe = recipe_of(folders[0])
    test_set = recipe.load_data("test")
    if len(test_set.in_shape) != 3:
        raise ValueError(
            f"explore, {folders[0]}: expected a model of images; got one of {test_set.noun} "
            f"{test_set.in_shape}, which the page cannot draw; torchcaps evaluate tests it"
        )
    require_one_class(test_set, f"explore, {folders[0] if folders else id}")
    models: list[Shown] = []
    for folder in folders:
        model = load_model(folder).to(device)
        _check_fits(model, folder, test_set, folders[0])
        taken = sum(shown.model.name == model.name for shown in models)
        name = f"{model.name}-{taken + 1}" if taken else model.name
        models.append(show(name, folder, model))
    return Workspace(id, recipe, test_set, tuple(models))


def _check_fits(model: Model, folder: Path, test_set: ImageDataset, first: Path) -> None:
    if model.in_shape != test_set.in_shape or model.classes != test_set.classes:
        raise ValueError(
            f"explore, {folder}: expected a model for images {test_set.in_shape} of the classes "
            f"{', '.join(test_set.classes)}, as {first} has; got one for {model.in_shape} of "
            f"{', '.join(model.classes)}; explore them one after the other"
        )
