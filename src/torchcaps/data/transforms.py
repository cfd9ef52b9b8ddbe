"""Moving images: shift, rotate and affine maps, differentiable in images and parameters.

Pixels are measured from the image's own centre ((W-1)/2, (H-1)/2), x to the right and y down.
What comes in from outside the image is 0.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import grid_sample, pad

Number = float | Tensor
Interpolation = Literal["bilinear", "nearest"]


def shift(images: Tensor, dx: Number, dy: Number) -> Tensor:
    """Move images [B,C,H,W] by dx pixels right and dy down; numbers, or tensors [B]."""
    return affine(images, dx=dx, dy=dy)


def rotate(images: Tensor, degrees: Number, *, mode: Interpolation = "bilinear") -> Tensor:
    """Turn images [B,C,H,W] about their centre, counter-clockwise on the screen.

    degrees: a number, or a tensor [B]. A multiple of 90 on square images is `torch.rot90` exactly.
    mode: "nearest" takes the nearest pixel in place of a mixture of four, as masks need it.
    """
    return moved(images, mode, degrees=degrees)


def affine(
    images: Tensor,
    degrees: Number = 0.0,
    scale: Number = 1.0,
    dx: Number = 0.0,
    dy: Number = 0.0,
    shear: Number = 0.0,
    stretch: Number = 1.0,
) -> Tensor:
    """Shear, then scale, then rotate about the centre, then shift: out = R S K in + (dx, dy).

        K = [1 shear; 0 1]    S = scale [stretch 0; 0 1]    R = [cos sin; -sin cos]
        bilinear, zero padding

    images: floating [B,C,H,W], any H and W. Every other argument is a number, or a tensor [B]:
    degrees: counter-clockwise on the screen.   scale: above 1 makes things larger.
    dx, dy: pixels right and down.              shear: pixels to the right for each pixel down.
    stretch: above 1 makes things wider, and not higher.
    Returns [B,C,H,W] in the dtype of `images`, with gradients to the images and every tensor.
    Shifts by whole pixels and turns by 90 degrees (H = W) are exact.

    ValueError: images of another rank or dtype, a parameter of another shape, a parameter that
    is not finite, a scale or stretch of 0.
    """
    moves = {"degrees": degrees, "scale": scale, "dx": dx, "dy": dy, "shear": shear}
    moves["stretch"] = stretch
    return moved(images, "bilinear", **moves)


def moved(images: Tensor, mode: Interpolation, **moves: Number) -> Tensor:
    """`affine`, or with "nearest" the pixel that is nearest in place of a mixture of four."""
    _check_images(images)
    half = images.dtype in (torch.float16, torch.bfloat16)
    work = images.float() if half else images
    given = {"degrees": 0.0, "scale": 1.0, "dx": 0.0, "dy": 0.0, "shear": 0.0, "stretch": 1.0}
    values = {name: _parameter(name, value, work) for name, value in {**given, **moves}.items()}
    for name in ("scale", "stretch"):
        if bool((values[name] == 0).any()):
            raise ValueError(
                f"affine, {name}: expected any number but 0; got 0; use 1 for no change"
            )
    return _sample(work, *_sources(work, **values), mode).to(images.dtype)


def place(images: Tensor, size: tuple[int, int], dx: Tensor, dy: Tensor) -> Tensor:
    """The images [B,C,H,W] of any dtype in the middle of canvases [B,C,*size] of 0, moved by whole
    pixels dx to the right and dy down, integers [B]; what is outside is cut off."""
    height, width = images.shape[-2:]
    rows, columns = (  # of the image, for each of the canvas
        torch.arange(large, device=images.device) - (large - small) // 2 - move[:, None]
        for large, small, move in ((size[0], height, dy), (size[1], width, dx))
    )
    each = torch.arange(len(images), device=images.device)[:, None, None]
    down, right = rows.clamp(0, height - 1), columns.clamp(0, width - 1)
    taken = images[each, :, down[:, :, None], right[:, None, :]].permute(0, 3, 1, 2)  # [b h w c]
    within = (rows == down)[:, None, :, None] & (columns == right)[:, None, None, :]
    return taken * within


def random_shift(
    images: Tensor,
    max_pixels: int,
    generator: torch.Generator | None = None,
    *,
    subpixel: bool = False,
    mode: Interpolation = "bilinear",
) -> Tensor:
    """Move each image by its own whole numbers of pixels, filling with 0.

    images [B,C,H,W] of any dtype; dx and dy are uniform on -max_pixels..max_pixels, drawn from
    `generator`. With 2 pixels, the augmentation of Sabour, Frosst and Hinton (2017) for MNIST.
    subpixel: then by a fraction as well, uniform from -1/2 to 1/2 and bilinear, so that images
    (floating ones) lie in every way on the grid of their pixels, and are as soft as turned ones.
    mode: of the fraction, see `rotate`.
    """
    if images.ndim != 4 or max_pixels < 0:
        raise ValueError(
            f"random_shift, images and max_pixels: expected [B,C,H,W] and 0 or more; got shape "
            f"{tuple(images.shape)} and {max_pixels}; add the batch axis, or use a larger number"
        )
    count, _, height, width = images.shape
    drawn_on = generator.device if generator is not None else images.device
    start = torch.randint(0, 2 * max_pixels + 1, (2, count), generator=generator, device=drawn_on)
    down, right = (max_pixels - start).to(images.device)
    whole = place(images, (height, width), right, down)
    if not subpixel:
        return whole
    dx, dy = torch.rand((2, count), generator=generator, device=drawn_on).to(images) - 0.5
    return moved(whole, mode, dx=dx, dy=dy)


def _sources(
    images: Tensor,
    degrees: Tensor,
    scale: Tensor,
    dx: Tensor,
    dy: Tensor,
    shear: Tensor,
    stretch: Tensor,
) -> tuple[Tensor, Tensor]:
    """Where each output pixel comes from, centred x and y [B,H,W]: in = K' S' R' (out - shift)."""
    height, width = images.shape[-2:]
    like = {"dtype": images.dtype, "device": images.device}
    x = torch.arange(width, **like) - (width - 1) / 2 - dx[:, None, None]  # [b 1 w]
    y = torch.arange(height, **like)[:, None] - (height - 1) / 2 - dy[:, None, None]  # [b h 1]
    cos, sin = _cos_sin(degrees[:, None, None])
    scale, shear = scale[:, None, None], shear[:, None, None]
    turned_x, turned_y = (cos * x - sin * y) / scale, (sin * x + cos * y) / scale
    return turned_x / stretch[:, None, None] - shear * turned_y, turned_y


def _cos_sin(degrees: Tensor) -> tuple[Tensor, Tensor]:
    """Cosine and sine, exact at multiples of 90: only the rest of a quarter turn is rounded."""
    quarters = (degrees / 90).round().detach()
    rest = torch.deg2rad(degrees - 90 * quarters)
    cos, sin = rest.cos(), rest.sin()
    odd, flipped = quarters.remainder(2) == 1, quarters.remainder(4) >= 2
    cos, sin = torch.where(odd, -sin, cos), torch.where(odd, cos, sin)
    return torch.where(flipped, -cos, cos), torch.where(flipped, -sin, sin)


def _sample(images: Tensor, x: Tensor, y: Tensor, mode: Interpolation) -> Tensor:
    """Bilinear values of images, or the nearest ones, at centred pixels x, y [B,H,W].

    The images are first padded to powers of two. `grid_sample` wants -1..1: with such a size the
    way there and back loses no bit, so that whole pixels stay whole.
    """
    height, width = images.shape[-2:]
    tall, wide = (1 << (size - 1).bit_length() for size in (height, width))
    framed = pad(images, (0, wide - width, 0, tall - height))
    grid = torch.stack([(2 * x + width) / wide - 1, (2 * y + height) / tall - 1], dim=-1)
    return grid_sample(framed, grid, mode=mode, padding_mode="zeros", align_corners=False)


def _parameter(name: str, value: Number, images: Tensor) -> Tensor:
    """The value as a tensor [B] beside the images."""
    count = len(images)
    tensor = torch.as_tensor(value, dtype=images.dtype, device=images.device)
    if tensor.shape not in ((), (count,)):
        raise ValueError(
            f"affine, {name}: expected a number or a tensor [{count}], one for each image; got "
            f"shape {tuple(tensor.shape)}; give one value, or one for each image"
        )
    if not bool(tensor.isfinite().all()):
        raise ValueError(f"affine, {name}: expected finite numbers; got {value}; check its source")
    return tensor.expand(count)


def _check_images(images: Tensor) -> None:
    if images.ndim != 4 or not images.is_floating_point():
        raise ValueError(
            f"affine, images: expected floating [B,C,H,W]; got {images.dtype} of shape "
            f"{tuple(images.shape)}; add the missing axis, or convert with .float() / 255"
        )
