"""The cyclic group of n rotations, and how poses turn under it."""

from math import pi

import torch
from jaxtyping import Float
from torch import Tensor


def cyclic_shift(x: Float[Tensor, "..."], steps: int, dim: int) -> Float[Tensor, "..."]:
    """What a turn by `steps` times 360/n degrees does to the axis of the n orientations."""
    return x.roll(steps, dim)


def regular_representation(n: int, steps: int = 1) -> Float[Tensor, "n n"]:
    """The same as a matrix, float64: a permutation, hence orthogonal.

    >>> regular_representation(3) @ torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
    tensor([3., 1., 2.], dtype=torch.float64)
    """
    return cyclic_shift(torch.eye(n, dtype=torch.float64), steps, 0)


def rotate_pose(
    pose: Float[Tensor, "..."], angle: float | Tensor, *, n: int | None = None
) -> Float[Tensor, "..."]:
    r"""The pose of the thing turned by `angle` degrees, counter-clockwise on the screen.

    A cyclic shift, between the orientations by trigonometric interpolation:

    $$ v'_a = \sum_b \frac1n \sum_{|l| \le n/2} \cos l\,(2\pi (a - b)/n - \alpha)\; v_b $$

    Args:
        pose: `[..., n, d]`; or, with `n` given, flat as models answer, `[..., D]` with D = n d.
        angle: a number, or a tensor of the axes in front: `[B]` turns each image's poses
            `[B, J, D]` by its own angle.
        n: orientations of a flat pose.

    Multiples of 360/n are the cyclic shift, lengths do not move where the pose holds no frequency
    n/2, and turning by an angle and back gives the pose again.

    >>> rotate_pose(torch.tensor([1.0, 2.0, 3.0, 4.0]), 90, n=4).round()
    tensor([4., 1., 2., 3.])
    """
    vectors = pose if n is None else _split(pose, n)
    matrix = _turn_matrix(torch.as_tensor(angle, device=pose.device), vectors.shape[-2], pose.dtype)
    while matrix.ndim < vectors.ndim:
        matrix = matrix.unsqueeze(-3)
    turned = matrix @ vectors
    return turned if n is None else turned.flatten(-2)


def _turn_matrix(angle: Tensor, n: int, dtype: torch.dtype) -> Tensor:
    """`[*angle, n, n]`: a cyclic shift by a real number of steps."""
    work = torch.promote_types(dtype, torch.float32)
    steps = angle.to(work)[..., None] * (n / 360)
    a = torch.arange(n, dtype=work, device=angle.device)
    offset = a[:, None] - a - steps[..., None]  # [*angle, n, n]
    waves = torch.arange(1, (n - 1) // 2 + 1, dtype=work, device=angle.device)
    kernel = 1 + 2 * torch.cos(2 * pi / n * waves * offset[..., None]).sum(-1)
    if n % 2 == 0:  # frequency n/2 has a cosine alone
        kernel = kernel + torch.cos(pi * (a[:, None] - a)) * torch.cos(pi * steps[..., None])
    return (kernel / n).to(dtype)


def _split(pose: Tensor, n: int) -> Tensor:
    if n < 1 or pose.shape[-1] % n:
        raise ValueError(
            f"rotate_pose, n: expected a divisor of the pose's last axis, {pose.shape[-1]}; "
            f"got {n}; give the number of orientations that the model was built with"
        )
    return pose.unflatten(-1, (n, -1))
