"""Projected gradient ascent within a ball around every image."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from torchcaps.analysis.eval_mode import abilities, eval_mode, require_images
from torchcaps.models import Model, Output
from torchcaps.ops import check_labels

# A number for every image, of the model's answer, the images and the labels.
Gain = Callable[[Output, Tensor, Tensor], Tensor]


def margin(scores: Float[Tensor, "N J"], labels: Int[Tensor, " N"]) -> Float[Tensor, " N"]:
    r"""How far the best wrong class is ahead of the true one, $m = \max_{j \ne y} s_j - s_y$;
    above 0, an image is misclassified. Scores are lengths or logits, as the model gives them.

    >>> margin(torch.tensor([[0.9, 0.2, 0.1]]), torch.tensor([1]))
    tensor([0.7000])
    """
    own = F.one_hot(labels.long(), scores.shape[1]).bool()
    return scores.masked_fill(own, -torch.inf).amax(-1) - scores[own]


class Ball:
    """Images that differ from `images` by at most epsilon a pixel, all pixels in [0, 1]."""

    def __init__(self, images: Tensor, epsilon: float) -> None:
        self.low = (images - epsilon).clamp_min(0)
        self.high = (images + epsilon).clamp_max(1)

    def nearest(self, x: Tensor) -> Tensor:
        """Of the ball, to each of `x`."""
        return torch.clamp(x, self.low, self.high)


def maximize(
    model: Model, gain: Gain, labels: Tensor, ball: Ball, starts: Tensor, step: float, steps: int
) -> Tensor:
    """From each of the starts [S, N, C, H, W], `steps` steps of `step` along the sign of the
    gradient; of all images on these paths, each gets the one with the greatest gain."""
    best, most = starts[0], torch.full_like(labels, -torch.inf, dtype=starts.dtype)
    for x in starts:
        for number in range(steps + 1):
            gained, gradient = input_gradient(model, gain, x, labels)
            better = gained > most
            most = torch.where(better, gained, most)
            best = torch.where(better[:, None, None, None], x, best)
            if number < steps:
                x = ball.nearest(x + step * gradient.sign())
    return best


def input_gradient(
    model: Model, gain: Gain, images: Tensor, labels: Tensor
) -> tuple[Tensor, Tensor]:
    """The gain [N] of every image, and its gradient [N, C, H, W]."""
    x = images.detach().requires_grad_()
    with torch.enable_grad():
        gained = gain(model(x), x, labels)
        (gradient,) = torch.autograd.grad(gained.sum(), x)
    return gained.detach(), gradient


@contextmanager
def full_gradient_routing(model: Model) -> Iterator[torch.device]:
    """The model in evaluation mode, gradients going through every iteration of routing, also
    where training takes couplings for constants: an attacker has no reason to. Gives its device,
    and leaves the model as it was. Raises a `ValueError` for routing that cannot be set so."""
    layers = [m for m in model.modules() if isinstance(getattr(m, "detach", None), bool)]
    if not layers and abilities(model).routes:
        raise ValueError(
            f"full_gradient_routing, model: expected capsule layers with an attribute `detach`; "
            f"got {model.name}, which routes without one; set `detach = False` on its layer if "
            "gradients go through all iterations there"
        )
    detached = [layer.detach for layer in layers]
    for layer in layers:
        setattr(layer, "detach", False)  # noqa: B010 (to pyright, modules hold tensors and modules)
    try:
        with eval_mode(model) as device:
            yield device
    finally:
        for layer, kept in zip(layers, detached, strict=True):
            layer.detach = kept


def check_attack(where: str, model: Model, images: Tensor, labels: Tensor, epsilon: float) -> None:
    """Raise a `ValueError` for what no attack can be made of."""
    require_images(model, where)
    check_labels(labels, len(images), model.num_classes, where)
    if model.num_classes < 2:
        raise ValueError(
            f"{where}, model: expected at least 2 classes to take for one another; got "
            f"{model.num_classes}; take a model with more classes"
        )
    if not 0 <= epsilon <= 1:
        raise ValueError(
            f"{where}, epsilon: expected a change of a pixel from 0 to 1; got {epsilon}; "
            "divide by 255 if it counts grey levels"
        )
