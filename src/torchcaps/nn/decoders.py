"""Decoders: draw the image from a pose."""

from itertools import pairwise
from math import prod

from jaxtyping import Float
from torch import Tensor, nn


class MLPDecoder(nn.Sequential):
    """Fully connected decoder: `hidden` layers with ReLU, a sigmoid for pixels in [0, 1].

    Shapes: `[B, in_dim] -> [B, *out_shape]`. 512 and 1024 hidden units are the paper's.
    """

    def __init__(
        self, in_dim: int, out_shape: tuple[int, ...], hidden: tuple[int, ...] = (512, 1024)
    ) -> None:
        widths = (in_dim, *hidden)
        layers: list[nn.Module] = []
        for before, after in pairwise(widths):
            layers += [nn.Linear(before, after), nn.ReLU()]
        layers += [nn.Linear(widths[-1], prod(out_shape)), nn.Sigmoid()]
        super().__init__(*layers, nn.Unflatten(1, tuple(out_shape)))


class ConvDecoder(nn.Module):
    """Convolutional decoder: a coarse map from the pose, then twice doubled and smoothed.

    It has a small part of the MLP's parameters for each pixel, so it suits larger images.

    Shapes: `[B, in_dim] -> [B, *out_shape]`, any height and width, pixels in [0, 1].
    """

    def __init__(self, in_dim: int, out_shape: tuple[int, ...], channels: int = 64) -> None:
        super().__init__()
        image_channels, height, width = out_shape
        quarter = (channels, -(-height // 4), -(-width // 4))
        half = (-(-height // 2), -(-width // 2))
        self.layers = nn.Sequential(
            nn.Linear(in_dim, prod(quarter)),
            nn.ReLU(),
            nn.Unflatten(1, quarter),
            nn.Upsample(half),
            nn.Conv2d(channels, channels // 2, 3, padding=1),
            nn.ReLU(),
            nn.Upsample((height, width)),
            nn.Conv2d(channels // 2, channels // 4, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(channels // 4, image_channels, 3, padding=1),
            nn.Sigmoid(),
        )

    def forward(self, pose: Float[Tensor, "B D"]) -> Float[Tensor, "B C H W"]:
        return self.layers(pose)
