"""Sets: models that look at the same kind of image, and test images for them."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from torchcaps.data import ImageDataset
from torchcaps.explorer.refusal import Refused
from torchcaps.models import Model, Output, load_model
from torchcaps.training import Recipe
from torchcaps.training.run_folder import CONFIG

SETS = ("digits", "faces")
CPU = torch.device("cpu")
_FIRST = 50  # images of each class that a page may choose among


@dataclass(frozen=True)
class Shown:
    """A model of a set: its weights, and what a page can ask of it."""

    id: str
    folder: str
    model: Model
    pose_dim: int | None

    iterations: int | None  # of its routing; None without
    can: dict[str, bool]

    @property
    def device(self) -> torch.device:
        return next(self.model.parameters()).device

    def __call__(self, images: Tensor) -> Output:
        """The model's answer to images that lie on any device."""
        return self.model(images.to(self.device))

    @property
    def has_lengths(self) -> bool:
        """Whether its scores are lengths of capsules, not logits."""
        return self.model.score_kind != "logits"

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "name": self.model.name,
            "folder": self.folder,
            "kind": "lengths" if self.has_lengths else "probabilities",
            "parameters": sum(p.numel() for p in self.model.parameters()),
            "pose_dim": self.pose_dim,
            "iterations": self.iterations,
            "orientations": self.model.orientations,
            "window": self.model.window if self.model.orientations else None,
            "can": self.can,
        }


@dataclass(frozen=True)
class Workspace:
    """Never changed, only replaced: requests that run beside each other share it."""

    id: str
    recipe: Recipe  # of its data
    test_set: ImageDataset
    models: tuple[Shown, ...]

    @property
    def in_shape(self) -> tuple[int, int, int]:
        return self.test_set.in_shape

    @property
    def classes(self) -> tuple[str, ...]:
        return self.test_set.classes

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
            "models": [shown.as_json() for shown in self.models],
        }


def workspace_of(recipe: Recipe) -> str:
    """The id of the set that a run with this recipe belongs to."""
    wholes = recipe.data_options.get("task", "wholes") == "wholes"
    return "faces" if recipe.data == "faces" and wholes else "digits"


def load_workspace(
    id: str, folders: list[Path], recipe: Recipe, device: torch.device = CPU
) -> Workspace:
    """The models in `folders`, on `device`, and the test images of the first; of `recipe` if there
    are none.

    Raises a `ValueError` for a model that cannot be loaded, that answers with NaN, or that
    does not fit the others.
    """
    if folders:
        recipe = Recipe.load(folders[0] / CONFIG)
    test_set = recipe.load_data("test")
    models: list[Shown] = []
    for folder in folders:
        model = load_model(folder).to(device)
        _check_fits(model, folder, test_set, folders[0])
        taken = sum(shown.model.name == model.name for shown in models)
        name = f"{model.name}-{taken + 1}" if taken else model.name
        models.append(_shown(name, folder, model))
    return Workspace(id, recipe, test_set, tuple(models))


def _check_fits(model: Model, folder: Path, test_set: ImageDataset, first: Path) -> None:
    if model.in_shape != test_set.in_shape or model.classes != test_set.classes:
        raise ValueError(
            f"explore, {folder}: expected a model for images {test_set.in_shape} of the classes "
            f"{', '.join(test_set.classes)}, as {first} has; got one for {model.in_shape} of "
            f"{', '.join(model.classes)}; explore them one after the other"
        )


@torch.inference_mode()
def _shown(id: str, folder: Path, model: Model) -> Shown:
    """Asks the model once what it can. The first forward also makes what later ones reuse."""
    image = torch.zeros(1, *model.in_shape, device=next(model.parameters()).device)
    out, explanation = model(image), model.explain(image)
    if not bool(out.scores.isfinite().all()):
        raise ValueError(
            f"explore, {folder}: expected a model with finite scores; got NaN or infinity; its "
            "training diverged, train it again with a smaller lr"
        )
    return Shown(
        id,
        str(folder),
        model,
        pose_dim=None if out.poses is None else out.poses.shape[-1],
        iterations=None if explanation is None else len(explanation.couplings),
        can={
            "decode": out.reconstruction is not None,
            "angle": model.angle(out) is not None,
            "routing": explanation is not None,
        },
    )
