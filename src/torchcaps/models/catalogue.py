"""Models by name: an architecture and the options that make it what its source describes.

An architecture, and torch with it, is imported when one of its presets is asked for.
"""

from typing import TYPE_CHECKING, Any, NamedTuple

from torchcaps.lazy import imported
from torchcaps.registry import Registry

if TYPE_CHECKING:
    from torchcaps.models.model import Model


class Preset(NamedTuple):
    """An architecture and its options."""

    architecture: "type[Model]"
    options: dict[str, Any]


MODELS: Registry[Preset] = Registry("model")


def _add(name: str, about: str, architecture: str, **options: Any) -> None:
    target = f"torchcaps.models.{architecture}"
    MODELS.add_lazy(name, about, lambda: Preset(imported(target), options))


_add("capsnet", "the series' network (Sabour et al. 2017, bias-free)", "capsnet:CapsNet")
_add(
    "capsnet_sabour2017",
    "the authors' code of 2017",
    "capsnet:CapsNet",
    style="sabour2017",
    detach=False,
)
_add(
    "capsnet_small",
    "3x3 kernels and few channels, for the 8x8 digits and quick work",
    "capsnet:CapsNet",
    stem_channels=64,
    kernel_size=3,
    types=8,
    init_std=None,
    decoder_width=128,
)
_add(
    "equivariant_capsnet",
    "rotation-equivariant: its poses rotate with the image, by construction",
    "equivariant_capsnet:EquivariantCapsNet",
)
_add(
    "capsnet_resnet",
    "a residual network with class capsules, for colour pictures of 64 to 256 pixels",
    "capsnet_resnet:CapsNetResNet",
)
_add(
    "efficient_capsnet",
    "16 primary capsules of the whole map, self-attention (Mazzia et al. 2021)",
    "efficient_capsnet:EfficientCapsNet",
)
_add(
    "efficient_capsnet_smallnorb",
    "the same as its authors built it for smallNORB, for pairs of 48x48 pixels",
    "efficient_capsnet:EfficientCapsNet",
    kernel_size=7,
    stride=2,
    norm="instance",
    slope=0.3,
    decoder="conv",
)
_add(
    "tiny_capsnet",
    "the same with under 10,000 parameters for 28x28 pixels, without decoder",
    "efficient_capsnet:EfficientCapsNet",
    channels=(8, 16, 16),
    stride=2,
    types=6,
    primary_dim=4,
    pose_dim=8,
    decoder="none",
)
_add(
    "heinsen_capsnet",
    "two routings of matrix capsules (Heinsen 2019), for images of 96 pixels",
    "heinsen_capsnet:HeinsenCapsNet",
)
_add("deepcaps", "four residual blocks of capsules (Rajasegaran et al. 2019)", "deepcaps:DeepCaps")
_add("cnn", "the series' CNN: two convolutions with max-pooling", "cnn:CNN")
_add(
    "pooled_cnn",
    "control of capsnet_small: its convolutions, pooled, as many parameters",
    "pooled_cnn:PooledCNN",
)
_add(
    "capsnet1d",
    "signals and sequences, of varying length too",
    "capsnet1d:CapsNet1d",
)
_add(
    "cnn1d",
    "control of capsnet1d: its convolutions, pooled, as many parameters",
    "cnn1d:CNN1d",
)
_add(
    "seg_capsnet",
    "segmentation of images and volumes: a class capsule at every pixel (SegCaps-like)",
    "seg_capsnet:SegCapsNet",
)
_add(
    "unet",
    "control of seg_capsnet: a plain U-Net, about as many parameters",
    "unet:UNet",
)


def list_models() -> list[str]:
    """Names that `create_model` knows."""
    return list(MODELS)
