"""An optimizer or a scheduler of torch by its name and options, and what an optimizer remembers."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from torchcaps.models import Model
from torchcaps.options import check_choice
from torchcaps.quoting import cut, quote
from torchcaps.training.recipe import Recipe

T = TypeVar("T")

# Read from the recipe's own fields, or of no use in a recipe.
_OWN = {"self", "params", "optimizer", "lr", "weight_decay", "last_epoch", "differentiable"}


def make_optimizer(recipe: Recipe, model: nn.Module) -> Optimizer:
    """The optimizer that `recipe` names, for all parameters of `model`: in two groups where its
    backbone has a learning rate of its own. The `share` of a group is its rate over `lr`.

    Raises a `ValueError` for options that it does not take.
    """
    options = dict(recipe.optimizer_options)
    if recipe.optimizer in ("Adam", "AdamW") and not options.get("foreach"):
        options = {"fused": True, **options}
    decay = {} if recipe.weight_decay is None else {"weight_decay": recipe.weight_decay}
    taker = getattr(torch.optim, recipe.optimizer)
    groups = _groups(recipe, model)
    _check_names("optimizer_options", taker, recipe.optimizer_options)
    return build(
        "optimizer_options",
        lambda: taker(groups, lr=recipe.lr, **decay, **options),
        recipe.optimizer_options,
    )


def set_rate(optimizer: Optimizer, lr: float) -> None:
    """Give each group its share of the learning rate `lr` of the recipe's schedule."""
    for group in optimizer.param_groups:
        group["lr"] = lr * group["share"]


def _groups(recipe: Recipe, model: nn.Module) -> list[dict[str, Any]]:
    if recipe.backbone_lr is None:
        return [{"params": list(model.parameters()), "share": 1.0}]
    backbone = model.backbone_parameters() if isinstance(model, Model) else []
    if not any(p.requires_grad for p in backbone):
        raise ValueError(
            f"Recipe, backbone_lr: expected none, since {type(model).__name__} has no backbone "
            f"that learns; got {recipe.backbone_lr}; leave it out"
        )
    own = {id(p) for p in backbone}
    rest = [p for p in model.parameters() if id(p) not in own]
    share = recipe.backbone_lr / recipe.lr
    return [{"params": rest, "share": 1.0}, {"params": backbone, "share": share}]


def make_scheduler(recipe: Recipe) -> torch.optim.lr_scheduler.LRScheduler:
    """torch's scheduler that `recipe.schedule` names, on an optimizer that holds nothing."""
    taker = getattr(torch.optim.lr_scheduler, recipe.schedule)
    _check_names("schedule_options", taker, recipe.schedule_options)
    nothing = torch.optim.SGD([nn.Parameter(torch.zeros(()))], lr=recipe.lr)
    return build(
        "schedule_options",
        lambda: taker(nothing, **recipe.schedule_options),
        recipe.schedule_options,
    )


class Remembered(NamedTuple):
    """One entry of an optimizer's state: in the shape of its parameter, or a number."""

    like_parameter: bool
    dtype: torch.dtype
    device: torch.device


def remembers(optimizer: Optimizer) -> dict[str, Remembered]:
    """What `optimizer` keeps of each parameter once it had a gradient, by name: found by a step of
    another one with the same options, on a parameter of no use."""
    device = optimizer.param_groups[0]["params"][0].device
    probe = nn.Parameter(torch.zeros(2, 3, device=device))
    probe.grad = torch.zeros_like(probe)
    other = type(optimizer)([probe])  # pyright: ignore[reportCallIssue] (each class has its own)
    group = {key: value for key, value in optimizer.param_groups[0].items() if key != "params"}
    other.param_groups[0].update(group)
    other.step()
    state: dict[str, Tensor] = other.state[probe]
    return {
        key: Remembered(value.shape == probe.shape, value.dtype, value.device)
        for key, value in state.items()
    }


def _check_names(field: str, taker: type, options: Mapping[str, object]) -> None:
    known = [name for name in inspect.signature(taker).parameters if name not in _OWN]
    for name in options:
        check_choice("Recipe", f"{field} of {taker.__name__}", name, known)


def build(field: str, make: Callable[[], T], options: Mapping[str, object]) -> T:
    """What `make` makes; the errors of torch about `options` become a `ValueError`."""
    try:
        return make()
    except (TypeError, ValueError, RuntimeError, ArithmeticError, KeyError) as error:
        raise ValueError(
            f"Recipe, {field}: expected values that torch takes; got {quote(dict(options))} "
            f"({cut(error)}); correct them by the documentation of torch"
        ) from None
