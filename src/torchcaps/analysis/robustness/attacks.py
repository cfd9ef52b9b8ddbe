"""Images changed by at most epsilon a pixel, so that a model misclassifies them.

All raise the `margin` of the scores, whatever loss the model was trained with: it is the same for
lengths and logits, and is not flat where a softmax is saturated. The model runs on its own device
and is left as it was; the images come back where they were.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from torchcaps.analysis.eval_mode import require
from torchcaps.analysis.robustness.detectors import reconstruction_error
from torchcaps.analysis.robustness.pgd import (
    Ball,
    Gain,
    check_attack,
    full_gradient_routing,
    input_gradient,
    margin,
    maximize,
)
from torchcaps.models import Model, Output
from torchcaps.options import check_sizes


def fgsm(
    model: Model,
    images: Float[Tensor, "N C H W"],
    labels: Int[Tensor, " N"],
    epsilon: float,
    *,
    batch_size: int = 250,
) -> Float[Tensor, "N C H W"]:
    r"""The fast gradient sign method, one step along the sign of the gradient of the `margin` m:

    $$ x' = \Pi\big(x + \epsilon\,\mathrm{sign}\,\nabla m(x)\big), $$

    where $\Pi$ keeps pixels in [0, 1].

    Source: Goodfellow, Shlens & Szegedy 2015, with the margin in place of the training's loss.
    """
    check_attack("fgsm", model, images, labels, epsilon)
    found = []
    with full_gradient_routing(model) as device:
        for some in torch.arange(len(images)).split(batch_size):
            x, true = images[some].to(device), labels[some].to(device)
            gradient = input_gradient(model, _margin, x, true)[1]
            found.append(Ball(x, epsilon).nearest(x + epsilon * gradient.sign()).to(images.device))
    return torch.cat(found)


def pgd(
    model: Model,
    images: Float[Tensor, "N C H W"],
    labels: Int[Tensor, " N"],
    epsilon: float,
    *,
    steps: int = 20,
    starts: int = 5,
    seed: int = 0,
    batch_size: int = 250,
) -> Float[Tensor, "N C H W"]:
    r"""Projected gradient ascent of the `margin` m from random starts near each image:

    $$ x_0 \sim U[x - \epsilon, x + \epsilon], \qquad
       x_{t+1} = \Pi\big(x_t + \tfrac\epsilon4\,\mathrm{sign}\,\nabla m(x_t)\big), $$

    where $\Pi$ keeps every pixel within epsilon of what it was and in [0, 1]. Of $x_0, \dots, x_T$
    from all starts, each image gets the one with the greatest margin.

    Args:
        steps: T.
        starts: how many $x_0$ are drawn for each image. Where one fails against a capsule network,
            another often succeeds.
        seed: of the starts, which do not depend on `batch_size`.

    Source: Madry et al. 2018, with the margin in place of the training's loss.
    """
    options = (epsilon, steps, starts, seed, batch_size)
    return _maximized("pgd", model, _margin, images, labels, *options)


def reconstructive(
    model: Model,
    images: Float[Tensor, "N C H W"],
    labels: Int[Tensor, " N"],
    epsilon: float,
    *,
    steps: int = 20,
    starts: int = 5,
    seed: int = 0,
    batch_size: int = 250,
) -> Float[Tensor, "N C H W"]:
    r"""`pgd` that also evades the detector by reconstruction: it looks for a wrong class first,
    then for a good reconstruction. It maximizes

    $$ g(x) = m(x) \text{ where } m(x) \le 0, \qquad g(x) = 1 - d(x) \text{ where } m(x) > 0, $$

    with the `margin` m and the `reconstruction_error` d of the predicted class. Of all steps
    each image gets the one with the greatest g: a misclassified one if there is any, and of these
    the one with the least error. Until then its steps are those of `pgd` with the same seed: both
    succeed on the same images.

    Raises a `ValueError` for a model without a decoder.

    Source: the reconstructive attack of Qin et al. 2020. Theirs takes steps of either kind in turn,
    with a weight between them; here each image takes the kind that it needs.
    """
    require("reconstructs", model, "reconstructive")
    options = (epsilon, steps, starts, seed, batch_size)
    return _maximized("reconstructive", model, _evasion, images, labels, *options)


def _margin(out: Output, images: Tensor, labels: Tensor) -> Tensor:
    return margin(out.scores, labels)


def _evasion(out: Output, images: Tensor, labels: Tensor) -> Tensor:
    assert out.reconstruction is not None
    ahead = margin(out.scores, labels)
    return torch.where(ahead > 0, 1 - reconstruction_error(out.reconstruction, images), ahead)


def _maximized(
    where: str,
    model: Model,
    gain: Gain,
    images: Tensor,
    labels: Tensor,
    epsilon: float,
    steps: int,
    starts: int,
    seed: int,
    batch_size: int,
) -> Tensor:
    """`maximize` from random images in the ball of every image, batch by batch."""
    check_attack(where, model, images, labels, epsilon)
    check_sizes(where, steps=steps, starts=starts)
    generator = torch.Generator().manual_seed(seed)
    noise = 2 * torch.rand((starts, *images.shape), generator=generator) - 1
    found = []
    with full_gradient_routing(model) as device:
        for some in torch.arange(len(images)).split(batch_size):
            x, true = images[some].to(device), labels[some].to(device)
            ball = Ball(x, epsilon)
            first = ball.nearest(x + epsilon * noise[:, some].to(x))
            found.append(
                maximize(model, gain, true, ball, first, epsilon / 4, steps).to(images.device)
            )
    return torch.cat(found)
