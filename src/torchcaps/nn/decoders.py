"""Decoders: draw the image from a pose."""

from itertools import pairwise
from math import prod

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F


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


class SmoothDecoder(nn.Module):
    """Convolutional decoder of Efficient-CapsNet's authors for smallNORB: a coarse map from the
    pose, three times doubled (bilinear) and convolved (3x3, without padding).

    Shapes: `[B, in_dim] -> [B, *out_shape]`, pixels in [0, 1]. A coarse map of g becomes 8 g - 16
    pixels; what is more than `out_shape` is cut off below and on the right.

    Source: Mazzia, Salvetti & Chiaberge 2021 (their code).
    """

    channels = (1, 64, 128, 128)
    slope = 0.2

    def __init__(self, in_dim: int, out_shape: tuple[int, ...]) -> None:
        super().__init__()
        image_channels, *self.size = out_shape
        coarse = (1, *(-(-(pixels + 16) // 8) for pixels in self.size))
        layers: list[nn.Module] = [nn.Linear(in_dim, prod(coarse)), nn.Unflatten(1, coarse)]
        for before, after in pairwise(self.channels):
            layers.append(nn.Upsample(scale_factor=2, mode="bilinear"))
            layers += [nn.Conv2d(before, after, 3), nn.LeakyReLU(self.slope)]
        self.layers = nn.Sequential(*layers, nn.Conv2d(self.channels[-1], image_channels, 3))

    def forward(self, pose: Float[Tensor, "B D"]) -> Float[Tensor, "B C H W"]:
        height, width = self.size
        return F.sigmoid(self.layers(pose)[..., :height, :width])
