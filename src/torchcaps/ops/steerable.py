"""Filters that can be turned by any angle: circular harmonics on rings.

Letters: n orientations, K basis functions, R functions of the orientation, C and O channels; a
function of the orientation is also given by Q (input) or S (output) coefficients of its waves.
"""

from math import pi, sqrt

import torch
from jaxtyping import Float
from torch import Tensor

from torchcaps.ops.precision import without_autocast

# In pixels: the narrowest that a grid of pixels does not alias.
SIGMA = 0.6
RING_POINTS = 256


def steerable_basis(
    size: tuple[int, int], n: int, frequency: int = 2, *, sigma: float = SIGMA
) -> Float[Tensor, "n K height width"]:
    r"""Filters of `size` (height, width), each drawn at n orientations, float64:

    $$ \psi_{k,m}(r, \varphi) = \rho_{k,m}(r)\, \{\cos, \sin\}\, m (\varphi - 2 \pi a / n),
       \quad a = 0 \ldots n - 1, \qquad
       \rho_{k,m}(r) = e^{-(r^2 + r_k^2) / 2 \sigma^2} I_m(r\, r_k / \sigma^2) $$

    which is a thin circle of radius $r_k$ that carries the wave, drawn with a Gaussian of width
    $\sigma$: it has no frequency that pixels cannot show, not at its centre either, where every
    m > 0 falls to zero as $r^m$. (A ring cut out as $e^{-(r - r_k)^2 / 2 \sigma^2}$ has a kink
    there, through which m = 2 leaks into m = -2, and a network learns how the pixels' rows lie.)
    Polar coordinates are about the centre of the grid, angles counter-clockwise on the screen.

    Rings lie one pixel apart and end 5/3 pens before the edge (a ring of radius 1 stays): the grid
    is a square, and a tail cut off at its sides but not in its corners does not turn. A ring of
    radius r holds frequencies up to `min(frequency, 2r)`. Each function has unit norm.

    Source: Weiler, Hamprecht & Storath 2018, section 3.1, with other radial functions.
    """
    height, width = size
    y = (height - 1) / 2 - _numbers(height)[:, None]
    x = _numbers(width) - (width - 1) / 2
    radius, angle = torch.hypot(x, y), torch.atan2(y, x.expand(height, width))
    turned = angle - _orientations(n)[:, None, None]  # [n, height, width]
    functions = []
    for ring in _rings(max(size), sigma):
        for m in range(min(frequency, int(2 * ring)) + 1):
            drawn = _drawn_ring(radius, ring, m, sigma)
            wave = drawn * (sqrt(2 if m else 1) / drawn.norm())
            functions += [wave * torch.cos(m * turned), wave * torch.sin(m * turned)][: 1 + (m > 0)]
    return torch.stack(functions, 1)


def _drawn_ring(radius: Tensor, ring: float, m: int, sigma: float) -> Tensor:
    """The integral for I_m over the circle, by a sum that is exact to rounding."""
    t = _numbers(RING_POINTS) * (2 * pi / RING_POINTS)
    distance = radius[..., None] ** 2 + ring**2 - 2 * ring * radius[..., None] * torch.cos(t)
    return (torch.exp(-distance / (2 * sigma**2)) * torch.cos(m * t)).mean(-1)


def orientation_basis(n: int, frequency: int | None = None) -> Float[Tensor, "n R n"]:
    r"""Functions of the relative orientation b - a, as `[a, R, b]`, float64 and of unit norm:

    $$ A_l(b - a) = \{\cos, \sin\}\, 2 \pi l (b - a) / n, \qquad l \le \text{frequency} $$

    None, or a frequency of n/2 and more, gives all n functions of the cyclic group.
    """
    functions = []
    for l in range(min(n // 2 if frequency is None else frequency, n // 2) + 1):
        wave = l * _orientations(n)
        functions.append(torch.cos(wave))
        if 0 < 2 * l < n:
            functions.append(torch.sin(wave))
    base = torch.stack([f / f.norm() for f in functions])  # [R, n]
    return torch.stack([base.roll(a, 1) for a in range(n)])


def lifting_table(
    size: tuple[int, int], n: int, frequency: int = 2
) -> Float[Tensor, "K S 1 height width"]:
    r"""What one weight of a lifting convolution adds to its filters, as coefficients of waves.

    The response to a filter turned by each of n orientations is a function of the orientation
    with frequencies up to `frequency` alone: S = 2 frequency + 1 numbers stand for n of them, and
    a convolution need compute no more. $T = A \psi$, A being `orientation_basis(n, frequency)[0]`.
    """
    waves = orientation_basis(n, frequency)[0]
    return torch.einsum("sa,akyx->ksyx", waves, steerable_basis(size, n, frequency)).unsqueeze(2)


def group_table(
    size: tuple[int, int],
    n: int,
    frequency: int,
    angular_frequency: int | None,
    *,
    sigma: float = SIGMA,
) -> Float[Tensor, "F S Q height width"]:
    r"""The same for a group convolution, whose filters turn in the plane and shift together:

    $$ W_{o a, c b}(p) = \sum_{r, k} w_{o c r k}\, A_r(b - a)\, \psi_k(R_a^{-1} p) $$

    so that $W_{(a+1)(b+1)}(g p) = W_{ab}(p)$ where g turns by 360/n degrees. Over b they hold the
    Q waves up to `angular_frequency`, over a the S waves up to `out_frequency`; F = R K.
    """
    relative = orientation_basis(n, angular_frequency)
    basis = steerable_basis(size, n, frequency, sigma=sigma)
    out_harmonics = orientation_basis(n, out_frequency(n, frequency, angular_frequency))[0]
    table = torch.einsum("arb,qb,akyx,sa->rksqyx", relative, relative[0], basis, out_harmonics)
    return table.flatten(0, 1)


def out_frequency(n: int, frequency: int, angular_frequency: int | None) -> int:
    """Highest frequency over the orientation that a group convolution gives out."""
    return n // 2 if angular_frequency is None else min(angular_frequency + frequency, n // 2)


def expand(
    weight: Float[Tensor, "O C *F"], table: Float[Tensor, "F S Q height width"]
) -> Float[Tensor, "O S C Q height width"]:
    """Filters that free weights stand for, in the weights' dtype inside autocast too."""
    with without_autocast(weight.device):
        return torch.einsum("ocf,fsqyx->oscqyx", weight.flatten(2), table.to(weight))


def _orientations(n: int) -> Tensor:
    return _numbers(n) * (2 * pi / n)


def _numbers(count: int) -> Tensor:
    """On the CPU whatever the default device: float64 exists there."""
    return torch.arange(count, dtype=torch.float64, device="cpu")


def _rings(size: int, sigma: float) -> list[float]:
    """Radii of pixels along an axis: 0, 1, 2 .. if the size is odd, 0.5, 1.5 .. if even."""
    reach = (size - 1) / 2
    last = max(reach - sigma / 0.6, min(reach, 1))
    return [r for k in range((size + 1) // 2) if (r := k + reach % 1) <= last]
