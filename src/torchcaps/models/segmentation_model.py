"""What the models for segmentation share: any size, any numbers, a class for each pixel."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from torchcaps.data import ImageDataset
from torchcaps.models.model import POSES, Model, Output
from torchcaps.nn.segmentation_loss import SegmentationLoss
from torchcaps.nn.standardise import Standardise
from torchcaps.ops.losses import check_masks
from torchcaps.ops.precision import at_least_float32

_AT_ONCE = 16  # volumes


class SegmentationModel(Model):
    """Base of the models that give every pixel of an image, or voxel of a volume, a class: scores
    are `[B, J, *size]`, labels are masks `[B, *size]` of class numbers, 0 being the background.

    Any size is taken: what a network that halves its maps lacks to a multiple is filled with the
    last row and column, and cut off again. Images are in [0, 1]; volumes may be any numbers, which
    are standardised by the training data.
    """

    axes = (2, 3)
    tasks = ("segmentation",)
    halvings: int
    """How many times the maps are halved."""

    def __init__(self, in_shape: tuple[int, ...], num_classes: int) -> None:
        super().__init__(in_shape, num_classes)
        flat = len(self.in_shape) == 3
        self.standardise = nn.Identity() if flat else Standardise(self.in_shape[0])

    def prepare(self, dataset: ImageDataset) -> None:
        """Measure mean and deviation of each channel of volumes."""
        if isinstance(self.standardise, Standardise):
            batches = torch.arange(len(dataset)).split(_AT_ONCE)
            self.standardise.measure(dataset.batch(chosen)[0] for chosen in batches)

    def make_loss(self) -> nn.Module:
        scale = self.standardise if isinstance(self.standardise, Standardise) else None
        return SegmentationLoss(self.score_kind, scale=scale)

    def widened(self, images: Float[Tensor, "B C *size"]) -> Float[Tensor, "B C *more"]:
        """Checked and standardised images of the next size that can be halved."""
        self.check_images(images)
        step = 2**self.halvings
        more = [n for size in reversed(self.in_shape[1:]) for n in (0, -size % step)]
        return F.pad(self.standardise(images), more, mode="replicate")

    def cut(self, maps: Tensor, first: int) -> Tensor:
        """Maps whose axes of positions begin with axis `first`, without what was filled."""
        return maps[(slice(None),) * first + tuple(slice(n) for n in self.in_shape[1:])]

    def regions(self, out: Output) -> Int[Tensor, "B *size"]:
        """The class of each pixel: that of the highest score."""
        return out.scores.argmax(1)

    def present(self, out: Output) -> Tensor:
        """Which classes some pixel has, `[B, J]`."""
        found = self.regions(out).flatten(1)
        return torch.stack([(found == j).any(1) for j in range(self.num_classes)], 1)

    def chosen(
        self, scores: Float[Tensor, "B J *size"], labels: Tensor | None
    ) -> Int[Tensor, "B *size"]:
        """The class of the capsule that is drawn at each pixel: that of the mask, which is checked,
        or of the highest score."""
        if labels is None:
            return scores.argmax(1)
        check_masks(labels, scores, type(self).__name__)
        return labels

    def probabilities(self, out: Output) -> Float[Tensor, "B J *size"]:
        """`softmax(gain * scores)` over the classes of each pixel."""
        return (self.gain * at_least_float32(out.scores)).softmax(1)

    def representations(
        self, images: Float[Tensor, "B C *size"], labels: Tensor | None = None
    ) -> dict[str, Tensor]:
        """The class capsules of every pixel, or its scores."""
        out = self(images)
        return {"scores": out.scores} if out.poses is None else {POSES: out.poses}
