"""Children, class capsules by routing, perhaps a decoder: what such networks share."""

from abc import abstractmethod
from typing import Any

from jaxtyping import Float, Int
from torch import Tensor, nn

from torchcaps.models.explanation import Explanation, explain_layer
from torchcaps.models.model import Model, Output
from torchcaps.models.receptive_field import ReceptiveField
from torchcaps.nn import CapsuleLoss, DenseCapsules, ScoreCrossEntropy
from torchcaps.nn.layer import as_capsules
from torchcaps.ops import Capsules, mask_capsules, select_capsule

PRIMARY = "primary capsules"


class RoutedModel(Model):
    """Base of networks of images that end with `capsules`, a `DenseCapsules` of the classes.

    A subclass has `layers`, which ends with the primary capsules, and `field`; a `decoder` is given
    the capsule of the label, or of the highest score where no label is given: it alone, or, where
    `masked`, all capsules with every other set to zero.
    """

    tasks = ("classes", "multilabel")
    capsules: DenseCapsules
    decoder: nn.Module | None
    masked: bool = False

    @abstractmethod
    def layers(self, images: Float[Tensor, "B C H W"]) -> dict[str, Any]:
        """By name, from the first to PRIMARY, the children that routing is given: `[B, I, E]`, or
        `Capsules`."""

    @abstractmethod
    def field(self) -> ReceptiveField:
        """Which pixels a primary capsule sees."""

    def primary_capsules(self, images: Float[Tensor, "B C H W"]) -> Any:
        """The children that routing is given."""
        return self.layers(images)[PRIMARY]

    def forward(
        self, images: Float[Tensor, "B C H W"], labels: Int[Tensor, "B ..."] | None = None
    ) -> Output:
        self.check_images(images)
        poses, activations = capsules = self._route(self.primary_capsules(images))
        scores = self.capsules.routing.scores(capsules)
        index = self.chosen(scores, labels)
        return Output(scores, poses, activations, self.decode(poses, index))

    def _route(self, children: Any) -> Capsules:
        return as_capsules(self.capsules(children))

    def decode(
        self, poses: Float[Tensor, "B J D"], index: Int[Tensor, " B"]
    ) -> Float[Tensor, "B C H W"] | None:
        """Draw the capsules `index [B]`; None without a decoder."""
        if self.decoder is None:
            return None
        if self.masked:
            return self.decoder(mask_capsules(poses, index).flatten(1))
        return self.decoder(select_capsule(poses, index))

    def make_loss(self) -> nn.Module:
        return ScoreCrossEntropy() if self.score_kind == "logits" else CapsuleLoss()

    def representations(
        self, images: Float[Tensor, "B C H W"], labels: Int[Tensor, " B"] | None = None
    ) -> dict[str, Tensor]:
        layers = self.layers(images)
        capsules = self._route(layers[PRIMARY])
        scores = self.capsules.routing.scores(capsules)
        last = self.pose_layers(Output(scores, capsules.poses), labels)
        poses = {name: x.poses if isinstance(x, Capsules) else x for name, x in layers.items()}
        return {**poses, **last}

    def explain(
        self, images: Float[Tensor, "B C H W"], iterations: int | None = None
    ) -> Explanation:
        return explain_layer(self.capsules, self.primary_capsules(images), self.field(), iterations)
