"""What training does with a batch."""

import inspect
import math

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from torchcaps.data import ImageDataset, require_one_class
from torchcaps.models import Model
from torchcaps.training.batches import Batches
from torchcaps.training.optimizer import make_optimizer, set_rate
from torchcaps.training.own_augment import OwnAugment
from torchcaps.training.precision import Precision
from torchcaps.training.recipe import Recipe
from torchcaps.training.schedule import LearningRate


class Stepper:
    """Changes the images, takes the gradient, and makes a step of the optimizer once `accumulate`
    batches gave theirs. Raises a `ValueError` for a recipe that cannot be followed."""

    def __init__(
        self,
        recipe: Recipe,
        model: Model,
        batches: Batches,
        accelerator: Accelerator,
        own_augment: OwnAugment | None = None,
    ) -> None:
        if own_augment is not None and model.task == "segmentation":
            raise ValueError(
                "train, augment: expected none where each pixel has a class, since masks would not "
                f"move with their images; got {own_augment.name}; leave it out, or take the "
                "recipe's shift, crop, flip and rotate"
            )
        self.recipe, self.batches, self.accelerator = recipe, batches, accelerator
        self.loss = model.make_loss()
        self.optimizer = make_optimizer(recipe, model)
        self.augment, self.own_augment = recipe.augmentation(), own_augment
        self.steps_per_epoch = math.ceil(len(batches) / recipe.accumulate)
        self.rate = LearningRate(recipe, self.steps_per_epoch)
        self.class_weights: Tensor | None = None
        if recipe.class_weights != "none":
            _refuse_without_weights(self.loss)

    def weigh(self, train_set: ImageDataset, device: torch.device) -> None:
        """Count the classes, where the recipe balances them."""
        if self.recipe.class_weights == "balanced":
            if train_set.task != "segmentation":
                require_one_class(train_set, "Recipe, class_weights")
            labels = train_set.labels.flatten()
            self.class_weights = balanced(labels, train_set.num_classes).to(device)

    def loss_of(
        self,
        model: nn.Module,
        precision: Precision,
        place: tuple[int, int],
        images: Tensor,
        labels: Tensor,
    ) -> Tensor:
        """The loss of a batch, whose images are changed first; `place` is its epoch and number."""
        epoch, batch = place
        generator = self.batches.generator(epoch, batch + 1)
        if labels.ndim > 2:
            images, labels = self.augment.with_masks(images, labels, generator)
        else:
            images = self.augment(images, generator)
        if self.own_augment is not None:
            images = self.own_augment(images, generator)
        images = precision.laid_out(images)
        with precision.autocast(images.device):
            out = model(images, labels)
        if self.class_weights is None:
            return self.loss(out, images, labels)
        return self.loss(out, images, labels, weights=self.class_weights[labels])

    def step(self, loss: Tensor, epoch: int, batch: int) -> None:
        """Add the gradient of `loss` to those of its group of batches; the last one is a step."""
        number, place = divmod(batch, self.recipe.accumulate)
        members = min(self.recipe.accumulate, len(self.batches) - batch + place)
        if place == 0:
            self.optimizer.zero_grad(set_to_none=True)
        self.accelerator.backward(loss / members)
        if not self.is_whole(batch + 1):
            return
        if self.recipe.clip is not None:
            every = [p for group in self.optimizer.param_groups for p in group["params"]]
            self.accelerator.clip_grad_norm_(every, self.recipe.clip)
        set_rate(self.optimizer, self.rate(epoch * self.steps_per_epoch + number))
        self.optimizer.step()

    def is_whole(self, batches: int) -> bool:
        """Whether so many batches of an epoch end with a step: no gradient waits for others."""
        return batches % self.recipe.accumulate == 0 or batches == len(self.batches)


def balanced(labels: Tensor, num_classes: int) -> Tensor:
    r"""Weights `[J]` under which the classes count alike: $N / (K n_j)$ for a class of $n_j$ of
    the N images (or pixels), with K classes that have any; their mean over the images is 1."""
    counts = labels.bincount(minlength=num_classes)
    present = int((counts > 0).sum())
    return len(labels) / (present * counts.clamp(min=1).float())


def _refuse_without_weights(loss: nn.Module) -> None:
    if "weights" not in inspect.signature(loss.forward).parameters:
        raise ValueError(
            f"Recipe, class_weights: expected a loss that takes weights [B], one for each image; "
            f"got {type(loss).__name__}, which does not; give its forward that argument, as those "
            "of torchcaps.nn have it, or leave class_weights out"
        )
