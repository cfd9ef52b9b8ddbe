"""Which pixels a primary capsule sees."""

from collections.abc import Callable, Sequence
from typing import NamedTuple


class ReceptiveField(NamedTuple):
    """The capsules of one type stand in `rows` times `columns`; the one in row r, column c sees
    the square of `side` pixels from row `top + stride r`, column `left + stride c` on, which
    may leave the image. A signal is an image of one row."""

    rows: int
    columns: int
    top: int
    left: int
    stride: int
    side: int


class Window(NamedTuple):
    """A convolution or pooling along one axis."""

    kernel: int
    stride: int
    padding: int


# A window, or one that depends on the size of the map it is given.
Layer = Window | Callable[[int], Window]


def receptive_field(layers: Sequence[Layer], height: int, width: int) -> ReceptiveField:
    """Of what the last of `layers` computes from an image of `height` by `width` pixels.

    What a normalisation reads of the whole image is not counted. Of an image that is not square
    and whose maps are pooled, the side is the longer of two that may differ.
    """
    rows, top, stride, tall = _follow(layers, height)
    columns, left, _, wide = _follow(layers, width)
    return ReceptiveField(rows, columns, top, left, stride, max(tall, wide))


def _follow(layers: Sequence[Layer], size: int) -> tuple[int, int, int, int]:
    """Positions that are left of `size` pixels, the first one's start, their stride and extent."""
    start, stride, extent = 0, 1, 1
    for layer in layers:
        window = layer if isinstance(layer, Window) else layer(size)
        size = (size + 2 * window.padding - window.kernel) // window.stride + 1
        start -= window.padding * stride
        extent += (window.kernel - 1) * stride
        stride *= window.stride
    return size, start, stride, extent
