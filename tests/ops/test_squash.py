import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.autograd import gradcheck

from torchcaps.ops import lengths, squash, unit_squash

BOTH = pytest.mark.parametrize("f", [squash, unit_squash])
HALF = (torch.float16, torch.bfloat16)
DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.float64, *HALF])


def exact(f, s, dim=-1):
    """The papers' formulas in float64, with a division by the length."""
    s = s.double()
    n = s.square().sum(dim, keepdim=True).sqrt()
    return s / n * (n**2 / (1 + n**2) if f is squash else 1 - torch.exp(-n))


def vectors(*shape, spread=2.0, dtype=torch.float32, seed=0):
    """Vectors whose lengths cover several powers of ten."""
    generator = torch.Generator().manual_seed(seed)
    s = torch.randn(*shape, generator=generator, dtype=torch.float64)
    size = spread * torch.randn(*shape[:-1], 1, generator=generator, dtype=torch.float64)
    return (s * size.exp()).to(dtype)


@BOTH
@pytest.mark.parametrize(
    ("dtype", "error"),
    [
        (torch.float64, 1e-14),
        (torch.float32, 1e-6),
        (torch.float16, 5e-4),
        (torch.bfloat16, 4e-3),
    ],
)
def test_value_is_the_papers_formula_to_the_last_digits_of_the_dtype(f, dtype, error):
    s = vectors(63, 7, 5, dtype=dtype)
    v = f(s)
    assert v.dtype == dtype
    torch.testing.assert_close(v.double(), exact(f, s), rtol=error, atol=error * 1e-3)


@BOTH
def test_gradient_is_the_formulas_gradient(f):
    s = vectors(63, 5).requires_grad_()
    direction = vectors(63, 5, spread=0.1, seed=1)
    (f(s) * direction).sum().backward()
    reference = s.detach().double().requires_grad_()
    (exact(f, reference) * direction).sum().backward()
    torch.testing.assert_close(s.grad, reference.grad, rtol=1e-5, atol=1e-6, check_dtype=False)


@BOTH
def test_gradcheck_in_float64(f):
    assert gradcheck(f, vectors(3, 2, 5, spread=0.5, dtype=torch.float64).requires_grad_())


@BOTH
@DTYPES
@pytest.mark.parametrize("dim", [-1, 1])
def test_a_zero_vector_has_value_zero_and_the_limits_gradient(f, dtype, dim):
    s = vectors(2, 3, 3, dtype=dtype)
    s[0] = 0
    s.requires_grad_()
    v = f(s, dim=dim)
    v.sum().backward()
    assert s.grad is not None
    assert torch.equal(v[0], torch.zeros_like(v[0]))
    limit = 0.0 if f is squash else 1.0
    assert torch.equal(s.grad[0], torch.full_like(s[0], limit))
    assert s.grad.isfinite().all()


@BOTH
@pytest.mark.parametrize("tiny", [1e-30, 1e-20, 1e-10, 1e-5])
def test_a_tiny_vector_has_a_finite_gradient_too(f, tiny):
    s = torch.full((2, 4), tiny, requires_grad=True)
    f(s).sum().backward()
    assert s.grad is not None
    expected = torch.zeros(2, 4) if f is squash else torch.ones(2, 4)
    torch.testing.assert_close(s.grad, expected, atol=1e-4, rtol=0)


@BOTH
@settings(deadline=None)
@given(st.lists(st.floats(-1e9, 1e9, width=32), min_size=1, max_size=8))
def test_length_stays_within_one_and_direction_is_kept(f, numbers):
    s = torch.tensor(numbers, dtype=torch.float64)
    v = f(s)
    assert v.norm() <= 1 + 1e-12
    torch.testing.assert_close(v * s.norm(), s * v.norm(), rtol=1e-12, atol=1e-12)
    assert (v * s >= 0).all()


@BOTH
@DTYPES
@settings(deadline=None)
@given(st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=64), st.integers(-140, 127))
def test_no_rounding_carries_a_length_over_one(f, dtype, numbers, power):
    v = f((torch.tensor(numbers, dtype=torch.float64) * 2.0**power).to(dtype))
    assert v.isfinite().all() or dtype == torch.float16
    assert not lengths(v) > 1
    assert dtype in HALF or lengths(v) < 1


@BOTH
@pytest.mark.parametrize("size", [1e18, 1.9e19, 1e25, 1e38])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_vectors_whose_square_is_no_number_have_value_and_gradient(f, dtype, size):
    s = (torch.tensor([[3.0, -2.0, 1.0, 0.0], [0.5, 0.5, -0.5, 0.5]]) * size).to(dtype)
    s.requires_grad_()
    unit = s.detach().double() / s.detach().double().norm(dim=-1, keepdim=True)
    v = f(s)
    torch.testing.assert_close(v.double(), unit, rtol=0, atol=8 * torch.finfo(dtype).eps + 1e-12)
    direction = torch.tensor([1.0, 2.0, 3.0, -1.0], dtype=torch.float64)
    (grad,) = torch.autograd.grad((v * direction.to(dtype)).sum(), s)
    across = direction - (unit * direction).sum(-1, keepdim=True) * unit
    expected = across / s.detach().double().norm(dim=-1, keepdim=True)
    error = (grad.double() - expected).abs().max() / expected.abs().max()
    assert error < 8 * torch.finfo(dtype).eps + 1e-12


@BOTH
def test_vectors_of_no_numbers_stay_so(f):
    assert f(torch.zeros(2, 3, 0)).shape == (2, 3, 0)


@BOTH
@settings(deadline=None)
@given(st.floats(1e-3, 30), st.floats(1.001, 2))
def test_a_longer_vector_stays_longer(f, length, factor):
    s = torch.tensor([0.6, 0.8], dtype=torch.float64) * length
    assert f(s * factor).norm() > f(s).norm()


@BOTH
def test_dim_names_the_axis_of_a_vector(f):
    s = vectors(4, 3, 5)
    torch.testing.assert_close(f(s, dim=1), f(s.transpose(1, 2)).transpose(1, 2))
    assert not torch.allclose(f(s, dim=1), f(s))


@BOTH
def test_strided_views_and_empty_batches(f):
    s = vectors(6, 9, 10)
    view = s[::2, ::3, ::2]
    assert not view.is_contiguous()
    torch.testing.assert_close(f(view), f(view.contiguous()))
    assert f(s[:0]).shape == (0, 9, 10)


@BOTH
@pytest.mark.parametrize("dtype", HALF)
def test_half_precision_is_computed_in_float32(f, dtype):
    """The square of 1000 is no float16; the sum of 512 squares of 0.01 is lost in bfloat16."""
    assert f(torch.tensor([1000.0, 0.0], dtype=dtype)).tolist() == [1.0, 0.0]
    s = torch.full((512,), 0.01, dtype=dtype)
    assert torch.equal(f(s), f(s.float()).to(dtype))
