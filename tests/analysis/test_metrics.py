"""Areas and curves of numbers that are known, exact to the last bits of float64."""

import pytest
import torch

from torchcaps.analysis.metrics import auroc, roc


@pytest.mark.parametrize(
    ("positives", "negatives", "area"),
    [
        ([3.0, 4.0], [1.0, 2.0], 1.0),
        ([1.0, 2.0], [3.0, 4.0], 0.0),
        ([1.0, 1.0, 1.0], [1.0, 1.0], 0.5),
        ([1.0, 3.0], [2.0], 0.5),
        ([2.0, 5.0], [1.0, 2.0, 3.0], (1.5 + 3) / 6),
        ([0.0], [-1.0, -1.0, -1.0, 1.0], 0.75),
    ],
)
def test_the_area_is_the_share_of_pairs_in_order(positives, negatives, area):
    assert auroc(torch.tensor(positives), torch.tensor(negatives)) == pytest.approx(area, abs=1e-15)


def test_the_area_is_that_of_counting_all_pairs_and_of_any_growing_function():
    torch.manual_seed(0)
    a, b = torch.randn(37).mul(3).round() + 1, torch.randn(51).mul(3).round()
    pairs = (a[:, None] > b).double() + (a[:, None] == b).double() / 2
    assert auroc(a, b) == pytest.approx(pairs.mean().item(), abs=1e-12)
    assert auroc(a.exp(), b.exp()) == auroc(a, b)
    assert auroc(-a, -b) == pytest.approx(1 - auroc(a, b), abs=1e-12)


def test_far_numbers_are_told_apart_and_many_are_counted_exactly():
    """A sigmoid takes 40 and 60 for 1, and float32 has no 1/3."""
    assert auroc(torch.tensor([60.0]), torch.tensor([40.0])) == 1
    assert auroc(torch.tensor([1e-30, 3.0]).double(), torch.tensor([1e-31, 2.0, 4.0])) == 3 / 6
    many = torch.arange(3000.0)
    assert auroc(many + 1, many) == pytest.approx(0.5 + 1 / 3000 - 0.5 / 3000**2, abs=1e-12)


def test_the_curve_goes_from_corner_to_corner_through_every_threshold():
    false, true = roc(torch.tensor([3.0, 5.0, 2.0]), torch.tensor([1.0, 2.0, 4.0, 0.0]))
    assert (4 * false).tolist() == [0, 0, 1, 1, 2, 3, 4]
    assert (3 * true).tolist() == pytest.approx([0, 1, 1, 2, 3, 3, 3], abs=1e-12)


def test_the_area_under_the_curve_is_the_auroc():
    torch.manual_seed(0)
    positives, negatives = torch.randn(40).mul(3).round() + 1, torch.randn(30).mul(3).round()
    false, true = roc(positives, negatives)
    assert torch.trapezoid(true, false).item() == pytest.approx(
        auroc(positives, negatives), abs=1e-12
    )
