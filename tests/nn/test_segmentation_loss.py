"""The loss of networks that give every pixel a class, against loops in float64."""

import pytest
import torch
from torch.nn import functional as F

from torchcaps.models import Output
from torchcaps.nn import ScoreCrossEntropy, SegmentationLoss
from torchcaps.nn.standardise import Standardise
from torchcaps.ops import margin_loss

GENERATOR = torch.Generator().manual_seed(0)
SIZES = [(5, 3), (3, 2, 4)]


def random(*size):
    return torch.rand(size, generator=GENERATOR, dtype=torch.float64)


def problem(size, classes=3, batch=2):
    scores, images = random(batch, classes, *size), random(batch, 2, *size)
    labels = torch.randint(classes, (batch, *size), generator=GENERATOR)
    return scores.requires_grad_(), images, labels


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("kind", ["lengths", "logits"])
@pytest.mark.parametrize("weighted", ["not", "images", "pixels"])
def test_every_pixel_is_classified_by_itself(size, kind, weighted):
    scores, images, labels = problem(size)
    weights = {"not": None, "images": random(2), "pixels": random(2, *size)}[weighted]
    found = SegmentationLoss(kind)(Output(scores), images, labels, weights=weights)
    total = torch.zeros((), dtype=torch.float64)
    for place in torch.cartesian_prod(*map(torch.arange, labels.shape)).tolist():
        at = tuple(place)
        row, label = scores[(at[0], slice(None), *at[1:])][None], labels[at][None]
        each = margin_loss(row, label) if kind == "lengths" else F.cross_entropy(row, label)
        weight = 1 if weights is None else weights[at[: weights.ndim]]
        total = total + weight * each / labels.numel()
    torch.testing.assert_close(found, total)
    gradients = [torch.autograd.grad(loss, scores)[0] for loss in (found, total)]
    torch.testing.assert_close(*gradients)


def test_only_the_target_region_is_to_be_drawn():
    scores, images, labels = problem((5, 3))
    labels[1] = 0
    drawn = random(*images.shape).requires_grad_()
    plain = SegmentationLoss()(Output(scores), images, labels)
    found = SegmentationLoss(reconstruction=0.7)(
        Output(scores, reconstruction=drawn), images, labels
    )
    region = labels[0] > 0
    error = (drawn - images)[0].square().mean(0)[region].mean()
    torch.testing.assert_close(found - plain, 0.7 * error / 2)
    (gradient,) = torch.autograd.grad(found, drawn)
    assert (gradient[1] == 0).all()
    assert ((gradient[0] != 0) == region).all()


def test_drawings_are_compared_on_the_scale_of_the_network():
    scores, images, labels = problem((5, 3))
    scale = Standardise(2).double()
    scale.measure([100 * images])
    drawn = random(*images.shape)
    near = SegmentationLoss(scale=scale)(
        Output(scores, reconstruction=scale.undo(drawn)), 100 * images, labels
    )
    same = SegmentationLoss()(Output(scores, reconstruction=drawn), scale(100 * images), labels)
    torch.testing.assert_close(near, same)


@pytest.mark.usefixtures("unchecked")
def test_masks_that_do_not_fit_are_refused():
    scores, images, labels = problem((5, 3))
    for wrong, words in (
        (labels[:, 0], "a mask with a class for each pixel"),
        (labels + 3, "expected classes 0..2"),
        (labels.double(), "integer dtype"),
    ):
        with pytest.raises(ValueError, match=words):
            SegmentationLoss()(Output(scores), images, wrong)


def test_one_pixel_is_one_image():
    scores, images, labels = problem((1, 1))
    pixel = Output(scores.flatten(1))
    expected = ScoreCrossEntropy()(pixel, images, labels.flatten())
    torch.testing.assert_close(SegmentationLoss("logits")(Output(scores), images, labels), expected)
