import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.autograd import gradcheck

from torchcaps.ops import lengths


def test_length_is_the_root_of_the_sum_of_squares_over_the_last_axis():
    poses = torch.tensor([[[3.0, 4.0], [0.0, 0.0], [-1.0, 0.0]]])
    assert lengths(poses).tolist() == [[5.0, 0.0, 1.0]]


def test_dim_names_the_axis_of_a_vector():
    poses = torch.randn(2, 3, 5)
    assert lengths(poses, dim=1).shape == (2, 5)
    torch.testing.assert_close(lengths(poses, dim=1), lengths(poses.transpose(1, 2)))


@settings(deadline=None)
@given(st.lists(st.floats(-1e3, 1e3, width=32), min_size=1, max_size=6), st.floats(-5, 5))
def test_a_multiple_of_a_vector_has_that_multiple_of_its_length(numbers, factor):
    pose = torch.tensor(numbers, dtype=torch.float64)
    torch.testing.assert_close(lengths(factor * pose), abs(factor) * lengths(pose))


def test_gradient_is_the_direction_and_zero_at_a_zero_vector():
    poses = torch.tensor([[3.0, 4.0], [0.0, 0.0]], requires_grad=True)
    lengths(poses).sum().backward()
    assert poses.grad is not None
    torch.testing.assert_close(poses.grad, torch.tensor([[0.6, 0.8], [0.0, 0.0]]))


def test_gradcheck_in_float64():
    assert gradcheck(lengths, torch.randn(3, 2, 5, dtype=torch.float64, requires_grad=True))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_summed_in_float32(dtype):
    """1 + 512 squares of 1/16: in half precision the small ones would be lost one by one."""
    pose = torch.full((513,), 1 / 16, dtype=dtype)
    pose[0] = 1
    assert lengths(pose).dtype == dtype
    assert lengths(pose).item() == torch.tensor(3**0.5).to(dtype).item()
    assert lengths(torch.tensor([3e4, 4e4], dtype=dtype)).isfinite()


def test_no_capsules_have_no_lengths():
    assert lengths(torch.zeros(0, 3, 16)).shape == (0, 3)
