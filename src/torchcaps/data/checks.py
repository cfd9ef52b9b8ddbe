"""What every dataset must hold to: shapes, dtypes, pixel and label ranges."""

from __future__ import annotations

import torch
from torch import Tensor

from torchcaps.quoting import listed


def check_images(images: Tensor, name: str) -> None:
    """Raise a ValueError unless images are [N,C,H,W], uint8 or floating in [0,1]."""
    where = f"ImageDataset {name!r}, images: expected"
    if images.ndim != 4 or images.numel() == 0:
        raise ValueError(
            f"{where} [N,C,H,W], none of them 0; got shape {tuple(images.shape)}; "
            "add the missing axis (grey images have C = 1), or add images; signals and volumes go "
            "into a SignalDataset"
        )
    if images.dtype == torch.uint8:
        return
    if not images.is_floating_point():
        raise ValueError(
            f"{where} uint8 or floating; got {images.dtype}; convert with .to(torch.uint8)"
        )
    bad = int((~images.isfinite()).sum())
    if bad:
        raise ValueError(f"{where} finite pixels; got {bad} NaN or infinite; clean them first")
    low, high = images.min().item(), images.max().item()
    if low < 0 or high > 1:
        raise ValueError(
            f"{where} pixels in [0,1]; got {low:g} to {high:g}; scale them, or pass uint8 0..255"
        )


def check_signals(signals: Tensor, name: str) -> None:
    """Raise a ValueError unless signals are [N,C,L] or [N,C,D,H,W], uint8 or floating, and NaN
    stands only where a signal [C,L] has ended."""
    where = f"SignalDataset {name!r}, images: expected"
    if signals.ndim not in (3, 5) or signals.numel() == 0:
        raise ValueError(
            f"{where} [N,C,L] or [N,C,D,H,W], none of them 0; got shape {tuple(signals.shape)}; "
            "add the missing axis (a single channel is C = 1), or hold pictures in an ImageDataset"
        )
    if signals.dtype == torch.uint8:
        return
    if not signals.is_floating_point():
        raise ValueError(f"{where} uint8 or floating; got {signals.dtype}; convert with .float()")
    if signals.isinf().any():
        raise ValueError(f"{where} finite numbers; got infinite ones; clean them first")
    missing = signals.isnan()
    there = ~missing.any(1)  # [N, *size]
    until_end = there.int().cummin(-1).values.bool()
    padded = signals.ndim == 3 and there[:, 0].all() and (missing == ~until_end[:, None]).all()
    if missing.any() and not padded:
        raise ValueError(
            f"{where} NaN only where a signal [C,L] has ended, in all channels, and a number "
            "before it; got others; fill in missing numbers first, as by interpolation"
        )


def check_labels(labels: Tensor, count: int, classes: tuple[str, ...], name: str) -> None:
    """Raise a ValueError unless labels are integers [count], each one of the classes, or [count, J]
    of 0 and 1 for J classes."""
    where = f"ImageDataset {name!r}, labels: expected"
    several = labels.shape == (count, len(classes))
    if labels.shape != (count,) and not several:
        raise ValueError(
            f"{where} one for each of the {count} images, [{count}], or 0 and 1 for each of the "
            f"classes, [{count}, {len(classes)}]; got shape {tuple(labels.shape)}; give every "
            "image one label, or a row of them"
        )
    whose = f"ImageDataset {name!r}"
    _check_names(classes, whose)
    if several and labels.dtype == torch.bool:
        return
    _check_numbers(labels, 2 if several else len(classes), whose, several)


def check_masks(masks: Tensor, images: Tensor, classes: tuple[str, ...], name: str) -> None:
    """Raise a ValueError unless masks are integers [N,*size], a class for each pixel of images or
    volumes [N,C,*size]."""
    where = f"SegmentationDataset {name!r}"
    expected = (len(images), *images.shape[2:])
    if masks.shape != expected:
        raise ValueError(
            f"{where}, labels: expected a class for each pixel, {[*expected]}; got shape "
            f"{tuple(masks.shape)}; give every image a mask of its size, without channels"
        )
    if images.isnan().any():
        raise ValueError(
            f"{where}, images: expected finite numbers; got NaN; cut images and masks alike"
        )
    if len(classes) < 2:
        raise ValueError(
            f"{where}, classes: expected the background and at least one region; got "
            f"{listed(classes) or 'none'}; name class 0, the background, too"
        )
    _check_names(classes, where)
    _check_numbers(masks, len(classes), where)


def _check_names(classes: tuple[str, ...], whose: str) -> None:
    if len(set(classes)) < len(classes):
        twice = {name for name in classes if classes.count(name) > 1}
        raise ValueError(
            f"{whose}, classes: expected different names; got {listed(twice)} more "
            "than once; labels are matched to models by these names: rename them"
        )


def _check_numbers(labels: Tensor, count: int, whose: str, several: bool = False) -> None:
    """Raise a ValueError unless labels are integers below `count`, and not below 0."""
    where = f"{whose}, labels: expected"
    if labels.is_floating_point() or labels.is_complex() or labels.dtype == torch.bool:
        raise ValueError(f"{where} integers; got {labels.dtype}; convert with .long()")
    low, high = int(labels.min()), int(labels.max())
    if low >= 0 and high < count:
        return
    if several:
        raise ValueError(
            f"{where} 1 where a class is in the image and 0 where not; got {low} to {high}; "
            "pass labels > 0"
        )
    raise ValueError(
        f"{where} 0 to {count - 1} for {count} classes; got {low} to {high}; "
        "number the classes from 0, or name them all in `classes`"
    )
