"""Looking at a function of the orientation: a window of angles, and where its peak lies."""

import torch
from jaxtyping import Float
from torch import Tensor


def orientation_degrees(n: int, device: torch.device | str = "cpu") -> Float[Tensor, " n"]:
    """The n orientations in degrees, 0 first, counter-clockwise, in (-180, 180].

    >>> orientation_degrees(4)
    tensor([  0.,  90., 180., -90.])
    """
    degrees = torch.arange(n, device=device) * (360 / n)
    return torch.where(degrees > 180, degrees - 360, degrees)


def orientation_window(
    n: int, window: float, device: torch.device | str = "cpu"
) -> Float[Tensor, " n"]:
    """Weights in [0, 1] of the orientations within `window` degrees on either side of upright.

    The edge falls from 1 to 0 over one step of 360/n degrees, so that a window between two
    orientations weighs a part of the outer one; 180 is the full circle.

    >>> orientation_window(8, 60)
    tensor([1.0000, 0.8333, 0.0000, 0.0000, 0.0000, 0.0000, 0.0000, 0.8333])
    """
    if window >= 180:
        return torch.ones(n, device=device)
    step = 360 / n
    return ((window + step / 2 - orientation_degrees(n, device).abs()) / step).clamp(0, 1)


def peak_angle(
    strength: Float[Tensor, "*batch n"], window: float = 180.0
) -> Float[Tensor, "*batch"]:
    """Where a function of the orientation is greatest within the window, in degrees.

    Between the orientations by the parabola through the greatest value and its neighbours.

    >>> peak_angle(torch.tensor([1.0, 3.0, 3.0, 1.0, 0.0, 0.0, 0.0, 0.0]))
    tensor(67.5000)
    """
    n = strength.shape[-1]
    before, after = strength.roll(1, -1), strength.roll(-1, -1)
    bend = before + after - 2 * strength
    offset = torch.where(bend < 0, (before - after) / (2 * bend), 0.0)
    degrees = orientation_degrees(n, strength.device).to(strength)
    seen = orientation_window(n, window, strength.device) > 0
    peak = strength.masked_fill(~seen, -torch.inf).argmax(-1, keepdim=True)
    angles = degrees + offset.clamp(-0.5, 0.5) * (360 / n)
    return angles.gather(-1, peak).squeeze(-1)
