"""What the models of signals share: lengths that vary, and the scale of the numbers."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

from torchcaps.data import ImageDataset
from torchcaps.models.model import Model
from torchcaps.nn.standardise import Standardise
from torchcaps.ops.signals import is_there

_AT_ONCE = 1000  # signals


class SignalModel(Model):
    """Base of the models for signals `[B, C, L]`, of which `in_shape` (C, L) is the longest.

    Shorter signals are taken too: what is missing to L, and what ends with NaN, is padding. No
    answer depends on how much there is: convolutions see zeros after the end, as they do after the
    longest, and no position that is padding is pooled or routed.
    """

    axes = (1,)

    def __init__(self, in_shape: tuple[int, ...], num_classes: int) -> None:
        super().__init__(in_shape, num_classes)
        self.standardise = Standardise(self.in_shape[0])

    def prepare(self, dataset: ImageDataset) -> None:
        """Measure mean and deviation of each channel, by which inputs are standardised."""
        batches = torch.arange(len(dataset)).split(_AT_ONCE)
        self.standardise.measure(dataset.batch(chosen)[0] for chosen in batches)

    def standardised(
        self, signals: Float[Tensor, "B C n"]
    ) -> tuple[Float[Tensor, "B C L"], Bool[Tensor, "B L"]]:
        """Signals as long as the longest, zeros after the end of each; which positions it has."""
        self.check_images(signals)
        signals = F.pad(signals, (0, self.in_shape[1] - signals.shape[2]), value=torch.nan)
        return self.standardise(signals), is_there(signals)

    def check_images(self, images: Tensor) -> None:
        """Raise a `ValueError` unless `images` is `[B, C, n]` of a floating dtype, n at most L."""
        channels, longest = self.in_shape
        fits = images.ndim == 3 and images.shape[1] == channels and 0 < images.shape[2] <= longest
        if not fits or not images.is_floating_point():
            raise ValueError(
                f"{type(self).__name__}, images: expected signals [B, {channels}, n] of a floating "
                f"dtype, n from 1 to {longest}; got {tuple(images.shape)}, {images.dtype}; add the "
                "batch axis, cut what is longer, or build the model with their in_shape"
            )
