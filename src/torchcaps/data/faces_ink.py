"""From poses to pixels: strokes of even thickness whose edges fade over one pixel.

A stroke covers a pixel by `clamp(1/2 + thickness/2 - distance, 0, 1)`, all in pixels, where the
distance is from the pixel's centre to the line in the stroke's middle.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from torchcaps.registry import Registry

from .faces_scene import PARTS, Scene

_HEAD = (0.84, 1.0)  # half axes of the ellipse, across and down
_EYE = (0.17, 0.13)
_NOSE = (0.12, 0.14)  # half width and half height of the two strokes of a roof
_TIP = 0.022  # higher than that: strokes share ink where they meet, and the middle of ink is at 0
_MOUTH = (0.27, 0.1)  # half width, and how far the corners of a full smile are above its middle
REGIONS = ("background", "head", "eyes", "nose", "mouth")
_REGION_OF: dict[str, tuple[str, tuple[float, float] | None]] = {  # and what it holds
    "head": ("head", _HEAD),
    "left eye": ("eyes", _EYE),
    "right eye": ("eyes", _EYE),
    "nose": ("nose", None),
    "mouth": ("mouth", None),
}
_AT_ONCE = 64  # images that stay in the processor's cache


def ink(scene: Scene, size: int, parts: Sequence[str] = PARTS) -> Tensor:
    """Draw those of `parts` that are shown, without noise: float32 [B,1,size,size] in [0,1].

    ValueError: an unknown part, or a size below 16, where strokes run into each other.
    """
    _check_size(size)
    pages = []
    for some in torch.arange(len(scene.parts)).split(_AT_ONCE):
        page = torch.zeros(len(some), size, size)
        for part in parts:
            torch.maximum(page, _stroke(scene, part, some, size), out=page)
        pages.append(page)
    return torch.cat(pages)[:, None]


def regions(scene: Scene, size: int) -> Tensor:
    """The region of every pixel: uint8 [B,size,size], a number of REGIONS. Head and eyes are what
    their outline holds, nose and mouth are their strokes; a pixel belongs to a stroke that covers
    at least half of it. What is drawn within another region comes before it.

    ValueError: as for `ink`.
    """
    _check_size(size)
    masks = []
    for some in torch.arange(len(scene.parts)).split(_AT_ONCE):
        mask = torch.zeros(len(some), size, size, dtype=torch.uint8)
        for part, (region, half_axes) in _REGION_OF.items():
            inside = _stroke(scene, part, some, size) >= 0.5
            number = PARTS.index(part)
            if half_axes is not None:
                u, v = _local(scene.parts[some, number], size)
                within = (u / half_axes[0]).square() + (v / half_axes[1]).square() <= 1
                inside |= within & scene.shown[some, number, None, None]
            mask[inside] = REGIONS.index(region)
        masks.append(mask)
    return torch.cat(masks)


def _stroke(scene: Scene, part: str, some: Tensor, size: int) -> Tensor:
    """How far the stroke of a part covers each pixel [B,size,size]: nowhere if it is missing."""
    pose, shown = scene.parts[some, PARTS.index(part)], scene.shown[some, PARTS.index(part)]
    distance = _STROKES[part](*_local(pose, size), scene.expression[some, None, None])
    pixels = (size / 2 * pose[:, 3])[:, None, None]
    edge = (0.5 + size / 4 * scene.thickness[some])[:, None, None]
    drawing = distance.mul_(-pixels).add_(edge).clamp_(0, 1)
    return drawing.mul_(shown[:, None, None])


def _check_size(size: int) -> None:
    if size < 16:
        raise ValueError(
            f"faces, size: expected at least 16 pixels; got {size}; smaller strokes would touch"
        )


def _local(pose: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Every pixel's place [B,H,W] in the frame of the part, where it is upright and of scale 1."""
    x, y, turn, scale = pose[:, :, None].unbind(1)
    centres = (2 * torch.arange(size) + 1) / size - 1
    cos, sin = torch.deg2rad(turn).cos() / scale, torch.deg2rad(turn).sin() / scale
    across, down = centres - x, centres - y  # [B,W], [B,H]
    u = (cos * across)[:, None] - (sin * down)[:, :, None]
    v = (sin * across)[:, None] + (cos * down)[:, :, None]
    return u, v


def _ellipse(half_axes: tuple[float, float]) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    """Distance from an ellipse to first order: |q - 1| over the length of q's gradient."""
    a, b = half_axes

    def distance(u: Tensor, v: Tensor, expression: Tensor) -> Tensor:
        u, v = u.mul_(1 / a).square_(), v.mul_(1 / b).square_()
        slope = (u / a**2).add_(v, alpha=1 / b**2).rsqrt_()
        return u.add_(v).sub_(1).abs_().mul_(slope).mul_(0.5)

    return distance


def _nose(u: Tensor, v: Tensor, expression: Tensor) -> Tensor:
    """Distance from two strokes that meet above: from (0, -h) to (±w, h), raised by the tip."""
    width, height = _NOSE
    squared = width**2 + 4 * height**2
    u, v = u.abs_(), v.add_(height + _TIP)
    along = (u * (width / squared)).add_(v, alpha=2 * height / squared).clamp_(0, 1)
    u, v = u.sub_(along, alpha=width), v.sub_(along, alpha=2 * height)
    return u.square_().add_(v.square_()).sqrt_()


def _mouth(u: Tensor, v: Tensor, expression: Tensor) -> Tensor:
    """Distance to first order from v = c (w²/3 - u²), |u| <= w, whose middle is at 0."""
    width, rise = _MOUTH
    curve = expression * (rise / width**2)
    inside = u.clamp(-width, width)
    v = v.sub_(curve * (width**2 / 3)).add_(inside.square().mul_(curve))
    slope = (inside * (2 * curve)).square_().add_(1)
    return v.square_().div_(slope).add_(u.sub_(inside).square_()).sqrt_()


_STROKES: Registry[Callable[[Tensor, Tensor, Tensor], Tensor]] = Registry("part of a face")
for _part, _drawn in zip(
    PARTS, (_ellipse(_HEAD), _ellipse(_EYE), _ellipse(_EYE), _nose, _mouth), strict=True
):
    _STROKES.add(_part)(_drawn)
