"""torchcaps: capsule networks in PyTorch."""

from torchcaps import ops

__version__ = "0.1.0.dev0"
__all__ = ["ops"]
