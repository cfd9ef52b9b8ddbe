"""What the tests against the papers share."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from torchcaps.ops.routing import Routing

PUBLISHED = Path(__file__).parent / "published"


@pytest.fixture
def numbers() -> Callable[[str], "_Numbers"]:
    """`numbers(name)`: the numbers of a file of published/."""
    return _Numbers


@pytest.fixture
def same() -> Callable[[Tensor, Tensor], None]:
    """`same(found, expected)`, as exactly as the authors' dtype allows."""
    return _same


@pytest.fixture
def draw() -> Callable[..., Tensor]:
    """`draw(*shape, scale=1)`: normal numbers in float64 that want a gradient, others each time."""
    generator = torch.Generator().manual_seed(0)

    def normal(*shape: int, scale: float = 1.0) -> Tensor:
        x = scale * torch.randn(shape, generator=generator, dtype=torch.float64)
        return x.requires_grad_()

    return normal


@pytest.fixture
def compare() -> Callable[..., None]:
    """`compare(found, loop, images, *own)`: a `Routing` of a batch against a loop that is given the
    tensors of one image and returns poses, activations and couplings. `images` have a batch axis,
    `own` do not. Gradients too."""

    def run(
        found: Routing,
        loop: Callable[..., tuple[Tensor, Tensor, Tensor]],
        images: tuple[Tensor, ...],
        *own: Tensor,
    ) -> None:
        each = [loop(*image, *own) for image in zip(*images, strict=True)]
        outputs = [torch.stack(some) for some in zip(*each, strict=True)]
        for one, other in zip(found[:3], outputs, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)
        generator = torch.Generator().manual_seed(1)
        weights = [torch.randn(x.shape, generator=generator, dtype=x.dtype) for x in outputs[:2]]
        grads = []
        for poses, activations in (found[:2], outputs[:2]):
            total = (poses * weights[0]).sum() + (activations * weights[1]).sum()
            grads.append(torch.autograd.grad(total, [*images, *own], allow_unused=True))
        for one, other in zip(*grads, strict=True):
            zero = one is None or other is None
            assert not zero or all(x is None or not x.any() for x in (one, other))
            if not zero:
                torch.testing.assert_close(one, other, rtol=1e-8, atol=1e-10)

    return run


class _Numbers:
    """The arrays of one file as tensors, by name."""

    def __init__(self, name: str) -> None:
        self._arrays = np.load(PUBLISHED / f"{name}.npz")

    def __getitem__(self, name: str) -> Tensor:
        return torch.from_numpy(self._arrays[name])

    def leaf(self, name: str) -> Tensor:
        return self[name].clone().requires_grad_()

    def __contains__(self, name: str) -> bool:
        return name in self._arrays.files


def _same(found: Tensor, expected: Tensor) -> None:
    tolerance = 1e-9 if expected.dtype == torch.float64 else 5e-6
    expected = expected.reshape(found.shape)
    torch.testing.assert_close(found.to(expected), expected, rtol=tolerance, atol=tolerance)
