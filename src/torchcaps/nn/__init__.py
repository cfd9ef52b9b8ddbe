"""Modules: parameters, shape checks and a call to `torchcaps.ops`."""

from torchcaps.nn.conv import ConvCapsules1d, ConvCapsules2d, ConvCapsules3d
from torchcaps.nn.conv_transpose import (
    ConvTransposeCapsules1d,
    ConvTransposeCapsules2d,
    ConvTransposeCapsules3d,
)
from torchcaps.nn.decoders import ConvDecoder, MLPDecoder, SmoothDecoder
from torchcaps.nn.dense import DenseCapsules, DigitCaps
from torchcaps.nn.equivariant import EquivariantCapsules
from torchcaps.nn.equivariant_loss import WindowLoss
from torchcaps.nn.equivariant_pool import SmoothPool2d
from torchcaps.nn.group_conv import GroupConv2d
from torchcaps.nn.head import CapsuleHead
from torchcaps.nn.lifting import LiftingConv2d
from torchcaps.nn.losses import CapsuleLoss, MarginLoss, ScoreCrossEntropy
from torchcaps.nn.primary import (
    PrimaryCapsules,
    PrimaryCapsules1d,
    PrimaryCapsules2d,
    PrimaryCapsules3d,
)
from torchcaps.nn.residual import ResidualCapsules2d
from torchcaps.nn.routing import (
    ROUTINGS,
    ClusterRouting,
    DynamicRouting,
    EMRouting,
    HeinsenRouting,
    InvertedAttentionRouting,
    RandomRouting,
    SelfAttentionRouting,
    SelfRouting,
    UniformRouting,
    VariationalBayesRouting,
    VectorRouting,
)
from torchcaps.nn.routing_module import RoutingModule
from torchcaps.nn.segmentation_loss import SegmentationLoss
from torchcaps.nn.stack import CapsuleStack

__all__ = [
    "ROUTINGS",
    "CapsuleHead",
    "CapsuleLoss",
    "CapsuleStack",
    "ClusterRouting",
    "ConvCapsules1d",
    "ConvCapsules2d",
    "ConvCapsules3d",
    "ConvDecoder",
    "ConvTransposeCapsules1d",
    "ConvTransposeCapsules2d",
    "ConvTransposeCapsules3d",
    "DenseCapsules",
    "DigitCaps",
    "DynamicRouting",
    "EMRouting",
    "EquivariantCapsules",
    "GroupConv2d",
    "HeinsenRouting",
    "InvertedAttentionRouting",
    "LiftingConv2d",
    "MLPDecoder",
    "MarginLoss",
    "PrimaryCapsules",
    "PrimaryCapsules1d",
    "PrimaryCapsules2d",
    "PrimaryCapsules3d",
    "RandomRouting",
    "ResidualCapsules2d",
    "RoutingModule",
    "ScoreCrossEntropy",
    "SegmentationLoss",
    "SelfAttentionRouting",
    "SelfRouting",
    "SmoothDecoder",
    "SmoothPool2d",
    "UniformRouting",
    "VariationalBayesRouting",
    "VectorRouting",
    "WindowLoss",
]
