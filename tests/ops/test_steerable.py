import pytest
import torch

from torchcaps.ops import orientation_basis, steerable_basis
from torchcaps.ops.steerable import expand, group_table, lifting_table, out_frequency


@pytest.mark.parametrize("size", [(9, 9), (8, 8), (5, 5), (2, 2), (7, 4), (4, 7)])
@pytest.mark.parametrize("frequency", [0, 1, 2, 4])
def test_filters_have_unit_norm_and_no_direction_at_the_centre(size, frequency):
    basis = steerable_basis(size, 8, frequency)
    assert basis.dtype == torch.float64
    # Each harmonic's cosine and sine share one norm; of a single ring both are the same function.
    norms = basis.square().sum((2, 3))
    assert norms.max() < 2.001
    assert (norms[:, 0] - 1).abs().max() < 1e-12
    if size[0] % 2 and size[1] % 2:
        centre = basis[:, :, size[0] // 2, size[1] // 2]
        directed = (centre - centre[:1]).abs().amax(0) > 1e-12
        assert not directed.any()
        round_rings = max(size[0] // 2, min(size[0], 3) // 2 + 1)
        assert (basis.std(0).amax((1, 2)) < 1e-12).sum() == round_rings  # those of m = 0


def test_rings_hold_what_their_pixels_can_show_and_end_before_the_edge():
    sizes = [steerable_basis((k, k), 8, 2).shape[1] for k in (1, 2, 3, 5, 7, 8)]
    assert sizes == [1, 3, 6, 6, 11, 13]
    assert steerable_basis((9, 9), 8, 4).shape[1] == 1 + 5 + 2 * 9


@pytest.mark.parametrize("size", [5, 6, 7, 9])
def test_responses_to_a_turned_drawing_are_those_of_the_turned_filters(size):
    """By 22.5 degrees, which pixels do not know: drawn exactly, so that all error is the basis'."""
    basis = steerable_basis((size, size), 16)
    spots = torch.rand(40, 6, 2, generator=torch.Generator().manual_seed(0)).double() - 0.5

    def responses(steps):
        angle = torch.tensor(steps * 2 * torch.pi / 16, dtype=torch.float64)
        turn = torch.stack([angle.cos(), angle.sin(), -angle.sin(), angle.cos()]).view(2, 2)
        x, y = (spots * (size + 2) @ turn).unbind(-1)
        across = torch.arange(size, dtype=torch.float64) - (size - 1) / 2
        distance = (across - x[..., None, None]) ** 2 + (-across[:, None] - y[..., None, None]) ** 2
        drawn = torch.exp(-distance / (2 * 1.2**2)).sum(1)  # [40, size, size], 6 blobs each
        return torch.einsum("ikyx,byx->bik", basis, drawn)

    still, turned = responses(0), responses(1)
    error = (turned - still.roll(1, 1)).square().mean((0, 1)) / still.square().mean((0, 1))
    assert error.sqrt().max() < 0.05
    assert (turned - still).square().mean() > 0.01 * still.square().mean()


@pytest.mark.parametrize("n", [4, 8, 12])
@pytest.mark.parametrize("size", [(5, 5), (6, 6)])
def test_a_quarter_turn_of_the_grid_is_n_quarters_of_the_orientations(n, size):
    basis = steerable_basis(size, n, 3)
    for quarters in (1, 2, 3):
        turned = torch.rot90(basis, quarters, (2, 3))
        expected = basis.roll(-quarters * n // 4, 0)
        torch.testing.assert_close(turned, expected, rtol=0, atol=1e-14)
    assert (torch.rot90(basis, 1, (2, 3)) - basis).abs().max() > 0.1


def test_a_filter_turned_by_any_angle_stays_in_the_space_of_the_basis():
    """Which is what steerable means: 7 orientations are combinations of those at orientation 0."""
    basis = steerable_basis((7, 7), 7, 2).flatten(2)
    reference = basis[0].T
    for turned in basis[1:]:
        solved = torch.linalg.lstsq(reference, turned.T).solution
        torch.testing.assert_close(reference @ solved, turned.T, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("n", "frequency", "functions"), [(8, None, 8), (8, 2, 5), (5, 9, 5)])
def test_functions_of_the_orientation_are_orthonormal_and_shifted(n, frequency, functions):
    basis = orientation_basis(n, frequency)
    assert basis.shape == (n, functions, n)
    eye = torch.eye(functions, dtype=torch.float64)
    for a in range(n):
        torch.testing.assert_close(basis[a] @ basis[a].T, eye)
        assert torch.equal(basis[a], basis[0].roll(a, 1))


def full_filters(weight, table, n, heard, told):
    """From coefficients of waves to filters [O, n, C, n, h, w] between orientations."""
    told, heard = orientation_basis(n, told)[0], orientation_basis(n, heard)[0]
    return torch.einsum("oscqyx,sa,qb->oacbyx", expand(weight, table), told, heard)


@pytest.mark.parametrize(("n", "angular_frequency"), [(8, 3), (8, None), (12, 2), (5, 1), (4, 9)])
def test_filters_of_a_group_convolution_are_those_of_the_formula(n, angular_frequency):
    """W[o, a, c, b](p) = sum over r, k of w A_r(b - a) psi_k(turned by a), entry by entry."""
    torch.manual_seed(0)
    basis, relative = steerable_basis((3, 4), n, 2), orientation_basis(n, angular_frequency)
    weight = torch.randn(2, 3, relative.shape[1], basis.shape[1], dtype=torch.float64)
    expected = torch.einsum("ocrk,arb,akyx->oacbyx", weight, relative, basis)
    table = group_table((3, 4), n, 2, angular_frequency)
    told = out_frequency(n, 2, angular_frequency)
    filters = full_filters(weight, table, n, angular_frequency, told)
    torch.testing.assert_close(filters, expected, rtol=0, atol=1e-12)


def test_filters_of_a_group_convolution_turn_and_shift_together():
    torch.manual_seed(0)
    table = group_table((5, 5), 8, 2, 2)
    weight = torch.randn(2, 3, len(table), dtype=torch.float64)
    filters = full_filters(weight, table, 8, 2, 4)
    assert filters.shape == (2, 8, 3, 8, 5, 5)
    turned = torch.rot90(filters, 1, (4, 5)).roll((2, 2), (1, 3))
    torch.testing.assert_close(turned, filters, rtol=0, atol=1e-13)
    alone = torch.rot90(filters, 1, (4, 5)).roll(2, 1)
    assert (alone - filters).abs().max() > 0.1


@pytest.mark.parametrize("n", [4, 5, 16])
def test_lifting_filters_are_the_basis_at_every_orientation(n):
    basis, table = steerable_basis((5, 5), n, 2), lifting_table((5, 5), n, 2)
    weight = torch.randn(2, 3, basis.shape[1], dtype=torch.float64)
    assert table.shape[1] == min(n, 5)
    waves = orientation_basis(n, 2)[0]
    filters = torch.einsum("oscyx,sa->oacyx", expand(weight, table).squeeze(3), waves)
    expected = torch.einsum("ock,akyx->oacyx", weight, basis)
    torch.testing.assert_close(filters, expected, rtol=0, atol=1e-12)


def test_gradients_flow_through_the_expansion():
    table = group_table((3, 3), 4, 2, None)
    weight = torch.randn(1, 2, len(table), dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda w: expand(w, table), weight)


def test_filters_have_the_weights_dtype_inside_autocast_too():
    table = lifting_table((3, 3), 4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        filters = expand(torch.randn(2, 1, len(table)), table)
    assert filters.dtype == torch.float32
