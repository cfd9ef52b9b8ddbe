import pytest
import torch

from torchcaps.ops.precision import at_least_float32, without_autocast

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (torch.float16, torch.float32),
        (torch.bfloat16, torch.float32),
        (torch.float32, torch.float32),
        (torch.float64, torch.float64),
    ],
)
def test_what_is_narrower_than_float32_is_widened(given, expected):
    assert at_least_float32(torch.ones(2, dtype=given)).dtype == expected


def test_wide_enough_tensors_are_not_copied():
    x = torch.ones(2)
    assert at_least_float32(x) is x


def test_products_keep_float32_inside_autocast():
    x = torch.rand(3, 3)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert (x @ x).dtype == torch.bfloat16
        with without_autocast(CPU):
            assert (x @ x).dtype == torch.float32
        assert (x @ x).dtype == torch.bfloat16
