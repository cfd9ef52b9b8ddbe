from typing import NamedTuple

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from torchcaps.nn import CapsuleLoss, MarginLoss, ScoreCrossEntropy
from torchcaps.ops import margin_loss


class Out(NamedTuple):
    scores: Tensor
    reconstruction: Tensor | None = None


def problem(classes=10, batch=4):
    torch.manual_seed(0)
    labels = torch.arange(batch) % classes
    out = Out(torch.rand(batch, classes), torch.rand(batch, 1, 6, 5))
    return out, torch.rand(batch, 1, 6, 5), labels


def sums(out, images, labels):
    """Of every image: the margin loss over classes and the squared error over pixels."""
    there = F.one_hot(labels, out.scores.shape[1])
    present = there * (0.9 - out.scores).clamp(min=0) ** 2
    absent = (1 - there) * (out.scores - 0.1).clamp(min=0) ** 2
    error = ((out.reconstruction - images) ** 2).flatten(1).sum(1)
    return (present + 0.5 * absent).sum(1), error


def test_the_series_sums_margins_over_classes():
    out, images, labels = problem()
    margins, errors = sums(out, images, labels)
    loss = CapsuleLoss("series")(out, images, labels)
    torch.testing.assert_close(loss, (margins + 0.0005 * errors).mean())
    assert torch.equal(CapsuleLoss()(out, images, labels), loss)


@pytest.mark.parametrize("classes", [2, 10])
def test_the_authors_take_half_the_mean_of_margins_over_classes(classes):
    out, images, labels = problem(classes)
    margins, errors = sums(out, images, labels)
    loss = CapsuleLoss("sabour2017")(out, images, labels)
    torch.testing.assert_close(loss, (0.5 * margins / classes + 0.0005 * errors).mean())


def test_with_ten_classes_the_picture_weighs_twenty_times_as_much_for_the_authors():
    """In the paper's units: 0.01 of the squared error, where the series has 0.0005."""
    out, images, labels = problem()
    margins, errors = sums(out, images, labels)
    in_paper_units = 20 * CapsuleLoss("sabour2017")(out, images, labels)
    torch.testing.assert_close(in_paper_units, (margins + 0.01 * errors).mean())


@pytest.mark.parametrize("preset", ["series", "sabour2017"])
def test_without_a_picture_the_margin_loss_is_left(preset):
    out, images, labels = problem()
    margins, _ = sums(out, images, labels)
    loss = CapsuleLoss(preset)(Out(out.scores), images, labels)
    torch.testing.assert_close(loss, margins.mean() * (1 if preset == "series" else 0.05))


@pytest.mark.usefixtures("unchecked")
def test_an_unknown_preset_lists_the_known_ones():
    text = "CapsuleLoss, preset: expected one of series, sabour2017; got 'paper'; series follows"
    with pytest.raises(ValueError, match=text):
        CapsuleLoss("paper")  # pyright: ignore[reportArgumentType]


def test_margin_loss_keeps_its_margins():
    out, _, labels = problem()
    module = MarginLoss(0.8, 0.2, 0.3, "mean")
    expected = margin_loss(
        out.scores, labels, m_plus=0.8, m_minus=0.2, down_weight=0.3, over_classes="mean"
    )
    assert torch.equal(module(out.scores, labels), expected)
    assert not torch.allclose(MarginLoss()(out.scores, labels), expected)
    assert repr(module) == "MarginLoss(m_plus=0.8, m_minus=0.2, down_weight=0.3)"


def test_losses_have_no_parameters_and_so_nothing_to_save():
    for loss in (CapsuleLoss(), MarginLoss(), ScoreCrossEntropy()):
        assert loss.state_dict() == {}


def test_cross_entropy_of_logits_by_hand():
    """Equal logits of J classes cost log J; a bfloat16 network's are taken in float32."""
    labels = torch.tensor([0, 2])
    loss = ScoreCrossEntropy()(Out(torch.zeros(2, 4)), torch.zeros(2, 1, 3, 3), labels)
    torch.testing.assert_close(loss, torch.tensor(4.0).log())
    scores = torch.randn(2, 4).bfloat16()
    loss = ScoreCrossEntropy()(Out(scores), torch.zeros(2, 1, 3, 3), labels)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, F.cross_entropy(scores.float(), labels))


@pytest.mark.parametrize("loss", [CapsuleLoss(), ScoreCrossEntropy()], ids=["capsules", "logits"])
@pytest.mark.usefixtures("unchecked")
def test_labels_out_of_range_are_named(loss):
    out, images, labels = problem()
    with pytest.raises(ValueError, match=r"labels: expected classes 0\.\.9; got 0\.\.10; number"):
        loss(out, images, labels.clone().fill_(0).index_fill(0, torch.tensor(1), 10))
    with pytest.raises(ValueError, match=r"labels: .* shape \(4,\); got \(3,\)"):
        loss(out, images, labels[:3])


@pytest.mark.parametrize("loss", [CapsuleLoss(), ScoreCrossEntropy()], ids=["capsules", "logits"])
@pytest.mark.parametrize("dtype", [torch.uint8, torch.int16, torch.int32])
def test_losses_take_labels_of_any_integer_dtype(loss, dtype):
    out, images, labels = problem()
    assert torch.equal(loss(out, images, labels.to(dtype)), loss(out, images, labels))
