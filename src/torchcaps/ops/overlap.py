"""How well masks overlap."""

from typing import NamedTuple

import torch
from jaxtyping import Integer
from torch import Tensor


class Overlap(NamedTuple):
    """Dice and IoU `[B, J]` of each class in each image, float64; NaN where the class is neither in
    the mask nor in the answer."""

    dice: Tensor
    iou: Tensor


def overlap(
    answers: Integer[Tensor, "B *size"], masks: Integer[Tensor, "B *size"], num_classes: int
) -> Overlap:
    r"""Of each of J classes in each image, with A the pixels of the answer and M those of the mask:

    $$ \mathrm{Dice} = \frac{2 |A \cap M|}{|A| + |M|}, \quad
       \mathrm{IoU} = \frac{|A \cap M|}{|A \cup M|} $$

    A class that an image has in the mask alone, or in the answer alone, has 0 there. Where it is in
    neither, both are NaN: such an image says nothing of the class, and means leave it out
    (`torch.nanmean`), where others count a 1.
    """
    batch, pairs = len(masks), num_classes * num_classes
    places = torch.arange(batch, device=masks.device)[:, None] * pairs
    each = masks.flatten(1).long() * num_classes + answers.flatten(1).long() + places
    counts = each.flatten().bincount(minlength=batch * pairs).double()
    counts = counts.view(batch, num_classes, num_classes)  # [B, mask, answer]
    both, sizes = counts.diagonal(dim1=1, dim2=2), counts.sum(1) + counts.sum(2)
    return Overlap(2 * both / sizes, both / (sizes - both))
