"""Which pixels a primary capsule looks at."""

from collections.abc import Iterator
from typing import NamedTuple

from torchcaps.models import CapsNet, EquivariantCapsNet
from torchcaps.nn import GroupConv2d, LiftingConv2d, SmoothPool2d
from torchcaps.nn.equivariant_pool import EVEN, ODD


class FieldOfView(NamedTuple):
    """The capsules of one type stand in `rows` times `columns`; the one in row r, column c looks
    at the square of `side` pixels from row `top + stride r`, column `left + stride c` on, which
    may leave the image."""

    rows: int
    columns: int
    top: int
    left: int
    stride: int
    side: int


class _Window(NamedTuple):
    """A convolution or pooling along one axis."""

    kernel: int
    stride: int
    padding: int


def field_of_view(net: CapsNet | EquivariantCapsNet) -> FieldOfView:
    """Of the primary capsules of `net`.

    What a normalisation reads of the whole image is not counted. Of an image that is not square
    and whose maps are pooled, the side is the longer of two that may differ.
    """
    height, width = net.in_shape[1:]
    rows, top, stride, tall = _follow(_windows(net, height), height)
    columns, left, _, wide = _follow(_windows(net, width), width)
    return FieldOfView(rows, columns, top, left, stride, max(tall, wide))


def _follow(windows: Iterator[_Window], size: int) -> tuple[int, int, int, int]:
    """Positions that are left of `size` pixels, the first one's start, their stride and extent."""
    start, stride, extent = 0, 1, 1
    for window in windows:
        size = (size + 2 * window.padding - window.kernel) // window.stride + 1
        start -= window.padding * stride
        extent += (window.kernel - 1) * stride
        stride *= window.stride
    return size, start, stride, extent


def _windows(net: CapsNet | EquivariantCapsNet, size: int) -> Iterator[_Window]:
    return _capsnet_windows(net) if isinstance(net, CapsNet) else _turning_windows(net, size)


def _capsnet_windows(net: CapsNet) -> Iterator[_Window]:
    for conv in (net.stem, net.primary.conv):
        padding = conv.padding[0]
        assert isinstance(padding, int)
        yield _Window(conv.kernel_size[0], conv.stride[0], padding)


def _turning_windows(net: EquivariantCapsNet, size: int) -> Iterator[_Window]:
    for layer in (*net.features, net.primary):
        if isinstance(layer, LiftingConv2d | GroupConv2d):
            window = _Window(layer.kernel_size, layer.stride, layer.padding)
        elif isinstance(layer, SmoothPool2d):
            kernel = len(EVEN if size % 2 == 0 else ODD)
            window = _Window(kernel, 2, (kernel - 1) // 2)
        else:
            continue  # it looks at each position alone, or at all of them
        size = (size + 2 * window.padding - window.kernel) // window.stride + 1
        yield window
