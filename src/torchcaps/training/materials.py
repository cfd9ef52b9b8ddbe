"""What a run is made of."""

from typing import NamedTuple

import torch

from torchcaps.data import ImageDataset
from torchcaps.models import Model
from torchcaps.quoting import quote
from torchcaps.training.own_augment import OwnAugment
from torchcaps.training.recipe import Recipe


class Materials(NamedTuple):
    """A recipe, the model to train, and its data; without validation images nothing is tested."""

    recipe: Recipe
    model: Model
    train_set: ImageDataset
    validation_set: ImageDataset | None
    augment: OwnAugment | None = None

    @classmethod
    def of(cls, recipe: Recipe) -> "Materials":
        """Those that the recipe names; a `ValueError` where it takes more than names."""
        if recipe.augment is not None:
            raise ValueError(
                f"Recipe, augment: expected null, since a function has no name that could be found "
                f"again; got {quote(recipe.augment)}; call tc.train(..., augment=...), for a run "
                "that goes on with resume=True"
            )
        train_set, validation_set = recipe.load_data("train"), recipe.load_data("validation")
        recipe = recipe.settled(len(train_set))
        torch.manual_seed(recipe.seed)
        return cls(recipe, recipe.build_model(train_set), train_set, validation_set)
