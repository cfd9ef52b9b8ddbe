"""Map sizes through convolutions, so that nothing has to be written down by hand."""


def conv_output(
    size: tuple[int, int], kernel: int, stride: int, padding: int, where: str
) -> tuple[int, int]:
    """Height and width after a convolution: `(n + 2 padding - kernel) // stride + 1`.

    Raises a `ValueError` that names the layer (`where`) if nothing would be left.

    >>> conv_output((28, 28), kernel=9, stride=1, padding=0, where="stem")
    (20, 20)
    """
    height, width = ((n + 2 * padding - kernel) // stride + 1 for n in size)
    if height < 1 or width < 1:
        raise ValueError(
            f"{where}, kernel_size: expected at most the map's size plus padding, "
            f"{size[0] + 2 * padding}x{size[1] + 2 * padding}; got {kernel}; "
            "take a smaller kernel, larger images, or the model capsnet_small"
        )
    return height, width
