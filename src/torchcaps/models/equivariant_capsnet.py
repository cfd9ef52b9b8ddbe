"""A capsule network that turns with its input, by construction."""

from collections.abc import Sequence
from typing import Literal, get_args

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from torchcaps.models.explanation import Explanation
from torchcaps.models.model import Model, Output, outputs_of
from torchcaps.models.receptive_field import Layer, Window, receptive_field
from torchcaps.nn import ConvDecoder, MLPDecoder
from torchcaps.nn.equivariant import EquivariantCapsules
from torchcaps.nn.equivariant_loss import WindowLoss
from torchcaps.nn.equivariant_pool import EVEN, ODD, SmoothPool2d
from torchcaps.nn.group_conv import GroupConv2d
from torchcaps.nn.lifting import LiftingConv2d
from torchcaps.ops import select_capsule, unit_squash
from torchcaps.ops.groups import rotate_pose
from torchcaps.ops.groups_window import orientation_window, peak_angle
from torchcaps.ops.precision import at_least_float32
from torchcaps.options import check_choice, check_several, check_sizes

Decoder = Literal["mlp", "conv", "none"]
# Kernels of the three convolutions and the padding of the first, by the least number of pixels
# that they are for. Small kernels cut the tails of filters off, and what is cut does not turn.
GEOMETRIES = (
    (24, (7, 7, 1), 2), (12, (7, 5, 1), 2), (7, (5, 3, 1), 2), (5, (3, 3, 1), 1), (0, (3, 1, 1), 0)
)  # fmt: skip
# Lifted maps larger than this are halved until they are not.
LARGEST_MAP = 16


class EquivariantCapsNet(Model):
    r"""Lifting, group convolution, primary capsules, routing; all of it turns with the image:

        images -> [B, C, n, h, w] -> primary [B, I, n] -> routing -> poses [B, J, n d]

    A pose holds d numbers at each of n orientations. Turning the image by 360/n degrees shifts
    them by one orientation, exactly by quarter turns of square images and up to the pixels'
    own error by others; the length of the pose does not move. The score of a class is the length
    of its pose around the peak, looked for in a window of orientations around upright, so that a
    turned digit is found and a 6 is no 9. Where that peak lies is the angle of the input: `angle`.

    Args:
        in_shape, num_classes: of the data; turning is exact for square images.
        n: orientations, at least 4. A multiple of 4 makes quarter turns exact.
        channels: of the lifting and of the group convolution.
        types: kinds of primary capsules.
        pose_dim: d; D = n d.
        kernels: sizes of the lifting, group and primary convolutions; None takes some that fit.
        padding: zeros around the image, which keep what a turn carries over the edge of the maps;
            None takes one that fits the kernels chosen so.
        stride: of the primary convolution, refused where the centre would move.
        frequency, angular_frequency: of filters and votes, in the plane and over the orientations
            (see `GroupConv2d`). Low ones turn truly between the n orientations too.
        window: degrees on either side of upright that scores look at; 180 is the full circle.
        iterations, detach: see `torchcaps.ops.route`.
        decoder: "mlp", "conv" or "none". It draws the image upright, from the pose turned back by
            the estimated angle; then the drawing is turned.
        decoder_width: see `CapsNet`.
    """

    name = "equivariant_capsnet"
    score_kind = "lengths"

    def __init__(
        self,
        in_shape: tuple[int, int, int],
        num_classes: int,
        *,
        n: int = 16,
        channels: Sequence[int] = (8, 16),
        types: int = 16,
        pose_dim: int = 4,
        kernels: Sequence[int] | None = None,
        padding: int | None = None,
        stride: int = 1,
        frequency: int = 2,
        angular_frequency: int | None = 4,
        window: float = 60.0,
        iterations: int = 3,
        detach: bool = True,
        decoder: Decoder = "conv",
        decoder_width: int = 16,
    ) -> None:
        super().__init__(in_shape, num_classes)
        _check_options(n, channels, kernels, padding, window, decoder)
        check_sizes(
            "EquivariantCapsNet",
            types=types,
            pose_dim=pose_dim,
            stride=stride,
            iterations=iterations,
            decoder_width=decoder_width,
        )
        self.n = self.orientations = n
        self.window = float(window)
        image_channels, height, width = self.in_shape
        lifted, combined = channels
        fitting, border = _geometry_for(min(height, width))
        first, second, third = kernels or fitting
        if padding is None:
            padding = 0 if kernels else border
        turn = {"frequency": frequency, "angular_frequency": angular_frequency}
        lifting = LiftingConv2d(
            image_channels, lifted, first, n, frequency=frequency, padding=padding, bias=False
        )
        size, pools = lifting.grid(height, width), []
        while max(size) > LARGEST_MAP:
            pools.append(SmoothPool2d())
            size = (-(-size[0] // 2), -(-size[1] // 2))
        group = GroupConv2d(lifted, combined, second, n, bias=False, **turn)
        self.features = nn.Sequential(
            lifting,
            nn.GroupNorm(1, lifted),
            nn.ReLU(),
            *pools,
            group,
            nn.GroupNorm(1, combined),
            nn.ReLU(),
        )
        self.primary = GroupConv2d(combined, types, third, n, stride=stride, bias=False, **turn)
        self.normalise = nn.GroupNorm(1, types)
        self.capsules = EquivariantCapsules(
            types,
            self.primary.grid(*group.grid(*size)),
            num_classes,
            pose_dim,
            n,
            iterations=iterations,
            detach=detach,
            **turn,
        )
        self.decoder = _decoder(decoder, n * pose_dim, self.in_shape, decoder_width)

    def forward(
        self, images: Float[Tensor, "B C H W"], labels: Int[Tensor, " B"] | None = None
    ) -> Output:
        self.check_images(images)
        poses = self.capsules(self.primary_capsules(images))
        scores = self.scores(poses)
        index = self.chosen(scores, labels)
        return Output(scores, poses, scores, self.decode(poses, index))

    def primary_capsules(self, images: Float[Tensor, "B C H W"]) -> Float[Tensor, "B I n"]:
        """What the parents listen to, child by child: type, row, column."""
        maps = self.normalise(self.primary(self.features(images)))  # [B, types, n, h, w]
        return unit_squash(maps.permute(0, 1, 3, 4, 2).flatten(1, 3))

    def scores(self, poses: Float[Tensor, "*R B J D"]) -> Float[Tensor, "*R B J"]:
        """The greatest length of a pose's vector at one orientation within the window."""
        weights = orientation_window(self.n, self.window).to(poses)
        energy = (self._energy(poses) * weights).amax(-1)
        return energy.clamp_min(torch.finfo(energy.dtype).tiny).sqrt()

    def angle(self, out: Output | Float[Tensor, "B J D"]) -> Float[Tensor, " B"]:
        """By how many degrees each input is rotated, counter-clockwise: where the pose of the
        winning class peaks within the window, interpolated. Takes an answer, or its poses."""
        poses = out.poses if isinstance(out, Output) else out
        assert poses is not None
        return self._angle_of(poses, self.scores(poses).argmax(-1))

    def decode(
        self, poses: Float[Tensor, "B J D"], index: Int[Tensor, " B"]
    ) -> Float[Tensor, "B C H W"] | None:
        """Draw the capsules `index [B]` upright, then turn the drawings; None without a decoder."""
        if self.decoder is None:
            return None
        degrees = self._angle_of(poses, index).detach()
        upright = rotate_pose(select_capsule(poses, index), -degrees, n=self.n)
        return _turn(self.decoder(upright), degrees)

    def make_loss(self) -> nn.Module:
        return WindowLoss(self.n, self.window)

    def representations(
        self, images: Float[Tensor, "B C H W"], labels: Int[Tensor, " B"] | None = None
    ) -> dict[str, Tensor]:
        lifted, combined = outputs_of(self.features, images, nn.ReLU)
        children = self.primary_capsules(images)
        poses = self.capsules(children)
        last = self.pose_layers(Output(self.scores(poses), poses), labels)
        first = {"lifting": lifted, "group convolution": combined}
        return {**first, "primary capsules": children, **last}

    def explain(
        self, images: Float[Tensor, "B C H W"], iterations: int | None = None
    ) -> Explanation:
        children = self.primary_capsules(images)
        votes = at_least_float32(self.capsules.votes(children))
        history = self.capsules.explain(children, iterations).history
        assert history is not None

        def gather(couplings: Tensor) -> tuple[Tensor, Tensor]:
            poses = self.capsules.gather(votes, couplings)
            return poses, self.scores(self.capsules.to_orientations(poses))

        field = receptive_field(self._windows(), *self.in_shape[1:])
        leaky = self.capsules.leaky
        sums_over = None if leaky else "parents"
        return Explanation(children, votes, history, gather, field, leaky, sums_over)

    def orientation_features(
        self, images: Float[Tensor, "B C H W"]
    ) -> dict[str, Float[Tensor, "*_ n d"]]:
        """Maps are taken in their middle (the mean of the one, two or four pixels there), which
        turns without being interpolated."""
        found, x = {}, images
        for number, layer in enumerate(self.features, 1):
            x = layer(x)
            found[f"{number} {type(layer).__name__}"] = _middle(x)
        found["primary capsules"] = _middle(self.normalise(self.primary(x)))
        poses = self.capsules(self.primary_capsules(images))
        return {**found, "poses": poses.unflatten(-1, (self.n, -1))}

    def _windows(self) -> list[Layer]:
        """Of the layers that see more than one position."""
        windows: list[Layer] = []
        for layer in (*self.features, self.primary):
            if isinstance(layer, LiftingConv2d | GroupConv2d):
                windows.append(Window(layer.kernel_size, layer.stride, layer.padding))
            elif isinstance(layer, SmoothPool2d):
                windows.append(_pool_window)
        return windows

    def _angle_of(self, poses: Tensor, index: Tensor) -> Tensor:
        return peak_angle(self._energy(select_capsule(poses, index)), self.window)

    def _energy(self, poses: Float[Tensor, "*batch D"]) -> Float[Tensor, "*batch n"]:
        """Squared length of the pose's vector at each orientation."""
        return poses.unflatten(-1, (self.n, -1)).square().sum(-1)


def _pool_window(size: int) -> Window:
    kernel = len(EVEN if size % 2 == 0 else ODD)
    return Window(kernel, 2, (kernel - 1) // 2)


def _middle(maps: Float[Tensor, "B C n H W"]) -> Float[Tensor, "B C n 1"]:
    for dim in (3, 4):
        size = maps.shape[dim]
        maps = maps.narrow(dim, (size - 1) // 2, 2 - size % 2).mean(dim, keepdim=True)
    return maps.flatten(3)


def _geometry_for(pixels: int) -> tuple[tuple[int, int, int], int]:
    return next((kernels, border) for least, kernels, border in GEOMETRIES if pixels >= least)


def _decoder(kind: str, in_dim: int, out_shape: tuple[int, ...], width: int) -> nn.Module | None:
    if kind == "none":
        return None
    if kind == "conv":
        return ConvDecoder(in_dim, out_shape, width)
    return MLPDecoder(in_dim, out_shape, (width, 2 * width))


def _turn(images: Tensor, degrees: Tensor) -> Tensor:
    """`torchcaps.data.transforms.rotate` without its checks, which a traced program cannot hold."""
    height, width = images.shape[-2:]
    like = {"dtype": images.dtype, "device": images.device}
    x = torch.arange(width, **like) - (width - 1) / 2
    y = torch.arange(height, **like)[:, None] - (height - 1) / 2
    angle = torch.deg2rad(degrees.to(images))[:, None, None]
    cos, sin = angle.cos(), angle.sin()
    source_x, source_y = cos * x - sin * y, sin * x + cos * y  # [B, height, width]
    grid = torch.stack([source_x * (2 / width), source_y * (2 / height)], -1)
    return F.grid_sample(images, grid, align_corners=False)


def _check_options(
    n: int,
    channels: Sequence[int],
    kernels: Sequence[int] | None,
    padding: int | None,
    window: float,
    decoder: str,
) -> None:
    where = "EquivariantCapsNet"
    check_choice(where, "decoder", decoder, get_args(Decoder))
    check_sizes(where, n=n)
    check_several(where, "channels", channels, 2)
    if kernels is not None:
        check_several(where, "kernels", kernels, 3)
    if padding is not None and padding < 0:
        raise ValueError(
            f"{where}, padding: expected 0 pixels or more; got {padding}; None takes what fits"
        )
    if not 4 <= n <= 360:
        raise ValueError(
            f"{where}, n: expected at least 4 orientations and at most 360; got {n}; "
            "16 is the usual number, a multiple of 4 makes quarter turns exact"
        )
    if not 0 < window <= 180:
        raise ValueError(
            f"{where}, window: expected degrees above 0 and up to 180; got {window}; "
            "60 finds what is turned by up to 45, 180 looks at the full circle"
        )
