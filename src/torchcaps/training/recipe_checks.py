"""What the fields of a recipe may hold, and what a run that has begun may still change."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from torchcaps.options import check_choice, check_types
from torchcaps.quoting import quote

if TYPE_CHECKING:
    from torchcaps.training.recipe import Recipe

_LEAST = {"batch_size": 1, "accumulate": 1, "shift": 0, "seed": 0}
_RANGES = {
    "backbone_lr": (1e-12, inf, "a positive number", "a tenth of lr is usual"),
    "weight_decay": (0.0, inf, "0 or more", "0.01 is usual"),
    "warmup": (0.0, inf, "0 or more", "5 is usual, 0 is none"),
    "clip": (1e-12, inf, "a positive number", "1 is usual"),
    "crop": (0.0, 0.9, "0 to 0.9", "0.2 is usual"),
    "noise": (0.0, inf, "0 or more", "0.05 is usual for pictures"),
    "rotate": (0.0, 180.0, "0 to 180", "15 is usual"),
    "brightness": (0.0, 1.0, "0 to 1", "0.2 is usual"),
    "contrast": (0.0, 1.0, "0 to 1", "0.2 is usual"),
    "saturation": (0.0, 1.0, "0 to 1", "0.2 is usual"),
}
_OF_PICTURES = {"subpixel", "crop", "rotate", "brightness", "contrast", "saturation"}


def check_recipe(recipe: Recipe, choices: dict[str, tuple[str, ...]]) -> None:
    """Raise a `ValueError` for a field of the wrong type or out of range."""
    for name, least in _LEAST.items():
        _check_whole(name, getattr(recipe, name), least)
    for name in ("epochs", "patience"):
        if getattr(recipe, name) is not None:
            _check_whole(name, getattr(recipe, name), 1)
    if not isinstance(recipe.subpixel, bool):
        raise ValueError(
            f"Recipe, subpixel: expected true or false; got {quote(recipe.subpixel)}; leave it "
            "out for whole pixels"
        )
    if recipe.seed >= 2**63:
        raise ValueError(
            f"Recipe, seed: expected less than 2**63; got {recipe.seed}; give a smaller seed"
        )
    if not _is_number(recipe.lr) or not 0 < recipe.lr < inf:
        raise ValueError(
            f"Recipe, lr: expected a positive number; got {quote(recipe.lr)}; 0.001 is a good start"
        )
    for name, known in choices.items():
        check_choice("Recipe", name, getattr(recipe, name), known)
    check_types("Recipe", type(recipe), recipe.__dict__)
    for name, (low, high, span, remedy) in _RANGES.items():
        value = getattr(recipe, name)
        if value is not None and not low <= value <= high:
            raise ValueError(f"Recipe, {name}: expected {span}; got {quote(value)}; {remedy}")
    if recipe.sampling == recipe.class_weights == "balanced":
        raise ValueError(
            "Recipe, class_weights: expected none, since balanced sampling weighs the classes "
            "alike already; got balanced; leave out one of the two"
        )
    if recipe.schedule_options and not recipe.schedule[0].isupper():
        raise ValueError(
            f"Recipe, schedule_options: expected none, since {recipe.schedule} takes no options; "
            f"got {quote(recipe.schedule_options)}; leave them out, or name a schedule of torch"
        )


def check_images(recipe: Recipe, in_shape: tuple[int, ...]) -> None:
    """Raise a `ValueError` for a change that images of this shape cannot take."""
    changes = {name: value for name, value in recipe.augmentation()._asdict().items() if value}
    for name, value in changes.items():
        if len(in_shape) != 3 and name in _OF_PICTURES:
            raise ValueError(
                f"Recipe, {name}: expected none, since it changes pictures, and the inputs are "
                f"{in_shape}; got {value}; leave it out, or take shift, flip or noise"
            )
    if len(in_shape) == 2 and recipe.flip in ("vertical", "both"):
        raise ValueError(
            f"Recipe, flip: expected horizontal or none, since signals {in_shape} have one axis; "
            f"got {recipe.flip}; horizontal reverses them"
        )
    channels, side = in_shape[0], min(in_shape[1:])
    if recipe.shift >= side:
        raise ValueError(
            f"Recipe, shift: expected less than {side}, the smallest side of the images; "
            f"got {recipe.shift}, which may leave nothing of them; give a smaller shift"
        )
    if recipe.saturation and channels != 3:
        raise ValueError(
            "Recipe, saturation: expected 0, since the images are not RGB (channels: "
            f"{channels}); got {recipe.saturation}; leave it out, or load RGB images"
        )


def check_extension(recipe: Recipe, epochs: int) -> None:
    """Raise a `ValueError` where a run that goes on to `epochs` would not end with the weights of a
    run that had them from the start."""
    if recipe.schedule == "cosine" and epochs != recipe.last_epoch:
        raise ValueError(
            f"--resume, epochs: expected {recipe.last_epoch}, since the cosine schedule of the "
            f"epochs done depends on the number; got {epochs}; start anew in another --out"
        )
    if epochs < recipe.last_epoch:
        raise ValueError(
            f"--resume, epochs: expected at least {recipe.last_epoch}, as the run has; got "
            f"{epochs}; give a larger number, or leave it out"
        )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _check_whole(name: str, value: object, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ValueError(
            f"Recipe, {name}: expected a whole number, at least {least}; got "
            f"{quote(value)}; give a larger {name}"
        )
