"""Map sizes through convolutions that must keep one centre for image, maps and filters."""

from torchcaps.nn.sizes import conv_output


def centred_output(
    size: tuple[int, int], kernel: int, stride: int, padding: int, where: str
) -> tuple[int, int]:
    """Height and width after a convolution whose strides reach the edge on both sides alike.

    Raises a `ValueError` where a rest is left: the centre of the map would lie beside that of the
    image, and turning the one would not be turning the other.

    >>> centred_output((28, 28), kernel=8, stride=2, padding=0, where="layer")
    (11, 11)
    """
    for length in size:
        rest = (length + 2 * padding - kernel) % stride
        if rest and length + 2 * padding >= kernel:
            raise ValueError(
                f"{where}, kernel_size: expected one for which maps of {size[0]}x{size[1]} with "
                f"padding {padding} and stride {stride} keep their centre; got {kernel}, which "
                f"leaves {rest} pixels over on one side; take kernel_size={kernel + rest} or "
                "stride=1"
            )
    height, width = conv_output(size, kernel, stride, padding, where)
    return height, width
