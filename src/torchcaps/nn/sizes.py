"""Map sizes through convolutions, so that nothing has to be written down by hand."""

from collections.abc import Sequence

Sizes = int | tuple[int, ...]
"""The same for all axes, or one for each."""


def conv_output(
    size: Sequence[int],
    kernel: Sizes,
    stride: Sizes,
    padding: Sizes,
    where: str,
    *,
    dilation: Sizes = 1,
) -> tuple[int, ...]:
    """The size of a map of any rank after a convolution, along each axis
    `(n + 2 padding - dilation (kernel - 1) - 1) // stride + 1`.

    Raises a `ValueError` that names the layer (`where`) if nothing would be left.

    >>> conv_output((28, 28), kernel=9, stride=1, padding=0, where="stem")
    (20, 20)
    """
    rank = len(size)
    kernels, strides, paddings, dilations = (
        (x,) * rank if isinstance(x, int) else x for x in (kernel, stride, padding, dilation)
    )
    padded = [n + 2 * p for n, p in zip(size, paddings, strict=True)]
    reach = [d * (k - 1) + 1 for d, k in zip(dilations, kernels, strict=True)]
    left = tuple((n - r) // s + 1 for n, r, s in zip(padded, reach, strides, strict=True))
    if min(left) < 1:
        got = reach[:1] if len({*reach}) == 1 else reach
        raise ValueError(
            f"{where}, kernel_size: expected at most the map's size plus padding, "
            f"{'x'.join(map(str, padded))}; got {'x'.join(map(str, got))}; "
            "take a smaller kernel, larger inputs, or a smaller model"
        )
    return left
