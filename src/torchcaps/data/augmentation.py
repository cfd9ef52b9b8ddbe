"""Changing training images, signals and volumes at random, each by itself; every draw is the
generator's."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from .signal_moves import flip_signals, shift_signals
from .transforms import Interpolation, moved, random_shift, rotate

# Of red, green and blue in grey (ITU-R BT.601).
_GREY = (0.299, 0.587, 0.114)


class Augmentation(NamedTuple):
    """Which changes, and how far they go; the fields are those of a recipe.

    Called with images [B,C,H,W], floating in [0,1], and a generator; returns images of the same
    kind. Shifts come first, then crop, flips, rotation, brightness, contrast, saturation, noise.

    Signals [B,C,L] and volumes [B,C,D,H,W], any numbers, are shifted, flipped and given noise; the
    other changes are of pictures, see `training.Recipe`.
    """

    shift: int = 0
    subpixel: bool = False
    crop: float = 0.0
    flip: str = "none"
    rotate: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    noise: float = 0.0

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        images = self.moved(images, generator)
        if images.ndim != 4:
            return add_noise(images, self.noise, generator) if self.noise else images
        for jitter, reach in (
            (scale_brightness, self.brightness),
            (scale_contrast, self.contrast),
            (scale_saturation, self.saturation),
        ):
            if reach:
                images = jitter(images, _uniform(images, 1 - reach, 1 + reach, generator))
        return add_noise(images, self.noise, generator).clamp(0, 1) if self.noise else images

    def moved(
        self, images: Tensor, generator: torch.Generator, mode: Interpolation = "bilinear"
    ) -> Tensor:
        """The changes of place alone: these come first, and draw the same numbers in any mode."""
        if images.ndim != 4:
            if self.shift:
                images = shift_signals(images, self.shift, generator)
            if self.flip != "none":
                images = flip_signals(images, self.flip, generator)
            return images
        if self.shift or self.subpixel:
            images = random_shift(images, self.shift, generator, subpixel=self.subpixel, mode=mode)
        if self.crop:
            images = random_crop(images, self.crop, generator, mode=mode)
        if self.flip != "none":
            images = random_flip(images, self.flip, generator)
        if self.rotate:
            degrees = _uniform(images, -self.rotate, self.rotate, generator)
            images = rotate(images, degrees, mode=mode)
        return images

    def with_masks(
        self, images: Tensor, masks: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Images or volumes changed, and their masks [B,*size] moved with them: each pixel takes
        the class of the nearest, and 0, the background, from outside the mask (in volumes what
        comes in repeats the outermost class, as it does the outermost value)."""
        again = torch.Generator(generator.device)
        again.set_state(generator.get_state())
        whole = masks.unsqueeze(1).to(images.dtype)
        moved = self.moved(whole, again, mode="nearest").squeeze(1)
        return self(images, generator), moved.to(masks.dtype)


def random_crop(
    images: Tensor,
    most: float,
    generator: torch.Generator,
    *,
    mode: Interpolation = "bilinear",
) -> Tensor:
    """Resize a window of each image to the whole: both its sides are the same share of
    the image's, uniform in 1 - most .. 1, and it lies anywhere within the image. So does
    torchvision's RandomResizedCrop, of areas that are uniform and aspects that vary."""
    share = _uniform(images, 1 - most, 1.0, generator)
    free = [(1 - share) * (side - 1) / 2 for side in (images.shape[-1], images.shape[-2])]
    x, y = (room * _uniform(images, -1.0, 1.0, generator) for room in free)  # of its centre
    return moved(images, mode, scale=1 / share, dx=-x / share, dy=-y / share)


def add_noise(images: Tensor, deviation: float, generator: torch.Generator) -> Tensor:
    """Independent Gaussian noise of this standard deviation on every number; NaN stays."""
    drawn = torch.randn(images.shape, generator=generator, device=generator.device)
    return images + deviation * drawn.to(images)


def random_flip(images: Tensor, flip: str, generator: torch.Generator) -> Tensor:
    """Mirror each image with probability 1/2: "horizontal" swaps left and right, "vertical" top
    and bottom, "both" draws for each of the two."""
    for axis, named in ((-1, "horizontal"), (-2, "vertical")):
        if flip in (named, "both"):
            chosen = _uniform(images, 0.0, 1.0, generator) < 0.5
            images = torch.where(_each(chosen), images.flip(axis), images)
    return images


def scale_brightness(images: Tensor, factor: Tensor) -> Tensor:
    """factor * image, cut to [0,1]; factor [B]."""
    return (_each(factor) * images).clamp(0, 1)


def scale_contrast(images: Tensor, factor: Tensor) -> Tensor:
    """m + factor * (image - m), cut to [0,1], with the image's mean grey m; factor [B]."""
    mean = _grey(images).mean((1, 2, 3), keepdim=True)
    return (mean + _each(factor) * (images - mean)).clamp(0, 1)


def scale_saturation(images: Tensor, factor: Tensor) -> Tensor:
    """g + factor * (image - g), cut to [0,1], with the grey g of each pixel; factor [B]."""
    grey = _grey(images)
    return (grey + _each(factor) * (images - grey)).clamp(0, 1)


def _grey(images: Tensor) -> Tensor:
    """[B,1,H,W]: the luminance of RGB images, the mean over channels of others."""
    if images.shape[1] != 3:
        return images.mean(1, keepdim=True)
    return (images * images.new_tensor(_GREY)[:, None, None]).sum(1, keepdim=True)


def _uniform(images: Tensor, low: float, high: float, generator: torch.Generator) -> Tensor:
    """A number for each image."""
    drawn = torch.rand(len(images), generator=generator, device=generator.device)
    return (low + (high - low) * drawn).to(images.device)


def _each(values: Tensor) -> Tensor:
    return values[:, None, None, None]
