"""A change of training images that the caller of `tc.train` gives."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

Change = Callable[[Tensor], Tensor]
_SLACK = 1e-4  # what rounding may add to a pixel


class OwnAugment:
    """`change`, a function of images [B,C,H,W] in [0,1] (signals, volumes) to others of the same
    shape, seeded for each batch: what it draws from torch is a function of the generator alone.

    A transform of torchvision draws once a call, so that it is called for each image by itself.

    name: what a recipe calls it: the repr of a module, which says its options, else its own name.

    ValueError: a change that returns something else, pixels outside [0,1], or another end of a
    signal.
    """

    def __init__(self, change: Change) -> None:
        self.change = change
        named = getattr(change, "__qualname__", type(change).__qualname__)
        self.name = " ".join(repr(change).split()) if isinstance(change, nn.Module) else named
        parts = change.modules() if isinstance(change, nn.Module) else [change]
        self.for_each = any(type(part).__module__.startswith("torchvision.") for part in parts)

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        seed = int(torch.randint(2**63 - 1, (), generator=generator))
        with torch.random.fork_rng([images.device] if images.is_cuda else []), torch.no_grad():
            torch.manual_seed(seed)
            given = images.clone()  # that of the caller stays, whatever is done in place
            if self.for_each:
                found = torch.stack([self.change(image) for image in given])
            else:
                found = self.change(given)
        self._check(found, images)
        return found.to(images.dtype)

    def _check(self, found: object, images: Tensor) -> None:
        where = f"train, augment {self.name}: expected"
        if not isinstance(found, Tensor) or found.shape != images.shape:
            got = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
            raise ValueError(
                f"{where} images {tuple(images.shape)} for images of that shape; got {got}; take "
                "a change that keeps the size, or resize back"
            )
        if not torch.equal(found.isnan(), images.isnan()) or found.isinf().any():
            raise ValueError(
                f"{where} finite numbers, and NaN only after the end of a signal, where it was; "
                "got others; change what is there alone"
            )
        if images.ndim == 4 and not -_SLACK <= found.min() <= found.max() <= 1 + _SLACK:
            raise ValueError(
                f"{where} pixels in [0,1]; got {found.min():g} to {found.max():g}; add "
                ".clamp(0, 1); what scales pixels belongs into the model, since validation images "
                "are not augmented"
            )
