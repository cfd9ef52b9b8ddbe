"""Modules: parameters, shape checks and a call to `torchcaps.ops`."""

from torchcaps.nn.decoders import ConvDecoder, MLPDecoder
from torchcaps.nn.dense import DenseCapsules, DigitCaps
from torchcaps.nn.losses import CapsuleLoss, MarginLoss, ScoreCrossEntropy
from torchcaps.nn.primary import PrimaryCapsules

__all__ = [
    "CapsuleLoss",
    "ConvDecoder",
    "DenseCapsules",
    "DigitCaps",
    "MLPDecoder",
    "MarginLoss",
    "PrimaryCapsules",
    "ScoreCrossEntropy",
]
