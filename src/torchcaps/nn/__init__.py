"""Modules: parameters, shape checks and a call to `torchcaps.ops`."""

from torchcaps.nn.decoders import ConvDecoder, MLPDecoder
from torchcaps.nn.dense import DenseCapsules, DigitCaps
from torchcaps.nn.equivariant import EquivariantCapsules
from torchcaps.nn.equivariant_loss import WindowLoss
from torchcaps.nn.equivariant_pool import SmoothPool2d
from torchcaps.nn.group_conv import GroupConv2d
from torchcaps.nn.lifting import LiftingConv2d
from torchcaps.nn.losses import CapsuleLoss, MarginLoss, ScoreCrossEntropy
from torchcaps.nn.primary import PrimaryCapsules

__all__ = [
    "CapsuleLoss",
    "ConvDecoder",
    "DenseCapsules",
    "DigitCaps",
    "EquivariantCapsules",
    "GroupConv2d",
    "LiftingConv2d",
    "MLPDecoder",
    "MarginLoss",
    "PrimaryCapsules",
    "ScoreCrossEntropy",
    "SmoothPool2d",
    "WindowLoss",
]
