"""Map sizes through convolutions, so that nothing has to be written down by hand."""

Pair = int | tuple[int, ...]


def conv_output(
    size: tuple[int, int],
    kernel: Pair,
    stride: Pair,
    padding: Pair,
    where: str,
    *,
    dilation: Pair = 1,
) -> tuple[int, int]:
    """Height and width after a convolution, along each
    `(n + 2 padding - dilation (kernel - 1) - 1) // stride + 1`.

    Raises a `ValueError` that names the layer (`where`) if nothing would be left.

    >>> conv_output((28, 28), kernel=9, stride=1, padding=0, where="stem")
    (20, 20)
    """
    kernels, strides, paddings, dilations = map(_pair, (kernel, stride, padding, dilation))
    padded = [n + 2 * p for n, p in zip(size, paddings, strict=True)]
    reach = [d * (k - 1) + 1 for d, k in zip(dilations, kernels, strict=True)]
    height, width = ((n - r) // s + 1 for n, r, s in zip(padded, reach, strides, strict=True))
    if height < 1 or width < 1:
        got = f"{reach[0]}" if reach[0] == reach[1] else f"{reach[0]}x{reach[1]}"
        raise ValueError(
            f"{where}, kernel_size: expected at most the map's size plus padding, "
            f"{padded[0]}x{padded[1]}; got {got}; "
            "take a smaller kernel, larger images, or the model capsnet_small"
        )
    return height, width


def _pair(x: Pair) -> tuple[int, ...]:
    return (x, x) if isinstance(x, int) else x
