"""Losses on capsule lengths and on reconstructions."""

import weakref
from typing import Literal, NamedTuple

import torch
from jaxtyping import Bool, Float, Integer
from torch import Tensor
from torch.nn import functional as F

from torchcaps.ops.masking import one_hot
from torchcaps.ops.precision import at_least_float32
from torchcaps.ops.transforms import transformed

Reduction = Literal["sum", "mean"]


def margin_loss(
    lengths: Float[Tensor, "B J"],
    labels: Integer[Tensor, " B"] | Integer[Tensor, "B J"] | Bool[Tensor, "B J"],
    *,
    m_plus: float = 0.9,
    m_minus: float = 0.1,
    down_weight: float = 0.5,
    over_classes: Reduction = "sum",
    weights: Float[Tensor, " B"] | None = None,
) -> Float[Tensor, ""]:
    r"""Separate margin loss of every class, summed (or averaged) over classes, mean over the batch:

    $$ L_j = T_j \max(0, m^+ - \|v_j\|)^2 + \lambda (1 - T_j) \max(0, \|v_j\| - m^-)^2 $$

    Args:
        lengths: `[B, J]` class lengths, in [0, 1).
        labels: `[B]` class indices, or `[B, J]` targets T where several classes are present, of an
            integer dtype (0 and 1) or bool.
        m_plus, m_minus, down_weight: m+, m- and lambda.
        over_classes: "sum" is the paper's, "mean" is that of the authors' code (divided by J).
        weights: `[B]`, how much each image counts; see `mean_over_images`.

    Source: Sabour et al. 2017, eq. 4.
    """
    x = at_least_float32(lengths)
    if labels.ndim == 1:
        check_labels(labels, x.shape[0], x.shape[1], "margin_loss")
        target = one_hot(labels, x.shape[1], x.dtype)
    else:
        check_targets(labels, x, "margin_loss")
        target = labels.to(x.dtype)
    present = F.relu(m_plus - x).square()
    absent = F.relu(x - m_minus).square()
    per_class = target * present + down_weight * (1 - target) * absent
    per_image = per_class.sum(-1) if over_classes == "sum" else per_class.mean(-1)
    return mean_over_images(per_image, weights)


def reconstruction_loss(
    reconstruction: Float[Tensor, "B *pixels"],
    images: Float[Tensor, "B *pixels"],
    *,
    over_pixels: Reduction = "sum",
    weights: Float[Tensor, " B"] | None = None,
) -> Float[Tensor, ""]:
    r"""Squared error $\sum_p (\hat x_p - x_p)^2$ of an image, mean over the batch.

    The sum over pixels is the paper's; their mean is what people quote as reconstruction MSE.
    A loss weight of 0.0005 on the sum is 0.392 on the mean at 28x28.
    """
    if reconstruction.shape != images.shape:
        raise ValueError(
            f"reconstruction_loss, images: expected the reconstruction's shape "
            f"{tuple(reconstruction.shape)}; got {tuple(images.shape)}; "
            "build the decoder with the images' shape"
        )
    error = (at_least_float32(reconstruction) - at_least_float32(images)).square().flatten(1)
    per_image = error.sum(-1) if over_pixels == "sum" else error.mean(-1)
    return mean_over_images(per_image, weights)


def region_error(
    reconstruction: Float[Tensor, "B C *size"],
    images: Float[Tensor, "B C *size"],
    masks: Integer[Tensor, "B *size"],
) -> Float[Tensor, " B"]:
    """Mean squared error over channels and the pixels whose class is not 0, of each image; 0 where
    there are none."""
    error = (at_least_float32(reconstruction) - at_least_float32(images)).square().mean(1)
    region = masks > 0
    return (error * region).flatten(1).sum(1) / region.flatten(1).sum(1).clamp_min(1)


def mean_over_images(
    per_image: Float[Tensor, " B"], weights: Float[Tensor, " B"] | None = None
) -> Float[Tensor, ""]:
    r"""$\frac1B \sum_b w_b L_b$ of the losses `[B]`, all weights 1 where none are given. It is
    divided by B and not by the sum of the weights, so that batches weigh as their images do."""
    return per_image.mean() if weights is None else (weights * per_image).mean()


def check_labels(labels: Tensor, batch: int, num_classes: int, where: str) -> None:
    """Raise a `ValueError` unless `labels` is `[batch]`, integers in 0..num_classes-1."""
    if labels.shape != (batch,):
        raise ValueError(
            f"{where}, labels: expected one class index per image, shape ({batch},); "
            f"got {tuple(labels.shape)}; pass indices, not one-hot rows or another batch's labels"
        )
    if labels.is_floating_point():
        raise ValueError(
            f"{where}, labels: expected class indices of an integer dtype; got {labels.dtype}; "
            "pass labels.long() if the values are whole numbers"
        )
    low, high = _extremes(labels) or (0, 0)
    if low < 0 or high >= num_classes:
        raise ValueError(
            f"{where}, labels: expected classes 0..{num_classes - 1}; got {low}..{high}; "
            "number the classes from 0, or build the model with more classes"
        )


def check_masks(masks: Tensor, scores: Tensor, where: str) -> None:
    """Raise a `ValueError` unless `masks` has a class index for each pixel of scores
    `[B, J, *size]`."""
    expected = (len(scores), *scores.shape[2:])
    if masks.shape != expected:
        raise ValueError(
            f"{where}, labels: expected a mask with a class for each pixel, shape {expected}; got "
            f"{tuple(masks.shape)}; pass the masks of a SegmentationDataset"
        )
    check_labels(masks.flatten(), masks.numel(), scores.shape[1], where)


def check_targets(targets: Tensor, scores: Tensor, where: str) -> None:
    """Raise a `ValueError` unless `targets` is `[B, J]` as the scores, of 0 and 1 or bool."""
    if targets.shape != scores.shape:
        raise ValueError(
            f"{where}, labels: expected one target per class, shape {tuple(scores.shape)}; "
            f"got {tuple(targets.shape)}; pass class indices [B], or targets [B, J]"
        )
    if targets.is_floating_point():
        raise ValueError(
            f"{where}, labels: expected targets of a bool or integer dtype, 1 where a class is "
            f"present; got {targets.dtype}; pass targets > 0.5, and for a mixture of two images "
            "the weighted sum of two margin losses"
        )
    low, high = _extremes(targets) or (0, 1)
    if low < 0 or high > 1:
        raise ValueError(
            f"{where}, labels: expected targets of 0 and 1, 1 where a class is present; "
            f"got {low}..{high}; pass targets > 0"
        )


class _Read(NamedTuple):
    labels: weakref.ref[Tensor]
    version: int
    extremes: tuple[int, int]


# A step checks its labels in the model and in the loss; on a GPU each look at them waits for it.
_last: _Read | None = None


def _extremes(labels: Tensor) -> tuple[int, int] | None:
    """The least and the greatest; None where there are none or values cannot be read."""
    global _last
    if (
        labels.numel() == 0
        or labels.is_meta
        or torch.compiler.is_compiling()
        or transformed(labels)
        or (labels.is_cuda and torch.cuda.is_current_stream_capturing())
    ):
        return None
    last, version = _last, -1 if labels.is_inference() else labels._version
    if last is not None and last.labels() is labels and last.version == version >= 0:
        return last.extremes
    low, high = torch.stack(torch.aminmax(labels.long())).tolist()
    _last = _Read(weakref.ref(labels), version, (low, high))
    return low, high
