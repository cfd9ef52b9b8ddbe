"""Moving signals [B,C,L] and volumes [B,C,D,H,W] by whole positions, each by itself.

NaN stays where a signal has ended: what moves, moves between its beginning and its own end.
"""

from __future__ import annotations

import torch
from torch import Tensor


def shift_signals(signals: Tensor, most: int, generator: torch.Generator) -> Tensor:
    """Move each along every axis by a whole number of positions, uniform in -most .. most. What
    comes in repeats the outermost value: 0, as in pictures, may be far from all that there is."""
    for axis in range(2, signals.ndim):
        steps = torch.randint(
            -most, most + 1, (len(signals), 1), generator=generator, device=generator.device
        )
        places, ends = _places(signals, axis)
        moved = (places - steps.to(signals.device)).clamp(min=0).minimum(ends - 1)
        signals = _taken(signals, axis, torch.where(places < ends, moved, places))
    return signals


def flip_signals(signals: Tensor, flip: str, generator: torch.Generator) -> Tensor:
    """Reverse each with probability 1/2: "horizontal" along the last axis (of a signal, from its
    end to its beginning), "vertical" along the one before, "both" draws for each of the two."""
    for axis, named in ((-1, "horizontal"), (-2, "vertical")):
        if flip in (named, "both"):
            drawn = torch.rand(len(signals), 1, generator=generator, device=generator.device)
            places, ends = _places(signals, signals.ndim + axis)
            there = (drawn < 0.5).to(signals.device) & (places < ends)
            flipped = torch.where(there, ends - 1 - places, places)
            signals = _taken(signals, signals.ndim + axis, flipped)
    return signals


def _places(signals: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    """The positions [B,n] along an axis, and how many [B,1] there are before NaN begins."""
    size = signals.shape[axis]
    places = torch.arange(size, device=signals.device).expand(len(signals), size)
    if signals.ndim > 3:  # volumes are whole
        return places, torch.full_like(places[:, :1], size)
    return places, (~signals.isnan().any(1)).sum(1, keepdim=True)


def _taken(signals: Tensor, axis: int, places: Tensor) -> Tensor:
    """Of each the values at these places [B,n] along an axis."""
    shape = [1] * signals.ndim
    shape[0], shape[axis] = places.shape
    return signals.gather(axis, places.view(shape).expand_as(signals))
