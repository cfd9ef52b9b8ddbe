"""Features by any network, classes by a capsule head."""

from math import prod

from jaxtyping import Float, Int
from torch import Tensor, nn

from torchcaps.models.explanation import Explanation, explain_layer
from torchcaps.models.model import Model, Output
from torchcaps.models.receptive_field import ReceptiveField
from torchcaps.nn import CapsuleHead, CapsuleLoss, ScoreCrossEntropy
from torchcaps.nn.routing_module import ScoreKind
from torchcaps.ops import select_capsule


class HeadedModel(Model):
    """Base of both: `backbone`, which makes features of images, `head`, and a decoder or None,
    which is given the capsule of the label, or of the highest score where no label is given."""

    tasks = ("classes", "multilabel")

    backbone: nn.Module
    head: CapsuleHead
    decoder: nn.Module | None

    def assemble(self, backbone: nn.Module, head: CapsuleHead, decoder: nn.Module | None) -> None:
        """Take these parts; the head says what the scores are."""
        self.backbone, self.head, self.decoder = backbone, head, decoder
        self.score_kind: ScoreKind = head.score_kind

    def forward(
        self, images: Float[Tensor, "B ..."], labels: Int[Tensor, "B ..."] | None = None
    ) -> Output:
        self.check_images(images)
        poses, activations = capsules = self.head(self.features(images))
        scores = self.head.scores(capsules)
        index = self.chosen(scores, labels)
        return Output(scores, poses, activations, self.decode(poses, index))

    def backbone_parameters(self) -> list[nn.Parameter]:
        return list(self.backbone.parameters())

    def features(self, images: Float[Tensor, "B ..."]) -> Tensor:
        """What the backbone makes of images, and the head is given."""
        found = self.backbone(images)
        if not isinstance(found, Tensor):
            raise ValueError(
                f"{type(self.backbone).__name__}, output: expected a tensor of features "
                f"[B, {', '.join(map(str, self.head.in_shape))}]; got {type(found).__name__}; wrap "
                "the backbone in a module that returns the tensor alone"
            )
        return found

    def decode(
        self, poses: Float[Tensor, "B J D"], index: Int[Tensor, " B"]
    ) -> Float[Tensor, "B ..."] | None:
        """Draw the capsules `index [B]`; None without a decoder."""
        return None if self.decoder is None else self.decoder(select_capsule(poses, index))

    def make_loss(self) -> nn.Module:
        return ScoreCrossEntropy() if self.score_kind == "logits" else CapsuleLoss()

    def representations(
        self, images: Float[Tensor, "B ..."], labels: Int[Tensor, " B"] | None = None
    ) -> dict[str, Tensor]:
        features = self.features(images)
        capsules = self.head(features)
        last = self.pose_layers(Output(self.head.scores(capsules), capsules.poses), labels)
        return {
            "features": features,
            "primary capsules": self.head.primary_capsules(features),
            **last,
        }

    def explain(self, images: Float[Tensor, "B ..."], iterations: int | None = None) -> Explanation:
        features = self.features(images)
        field = self.field(self.head.grid(features.shape[1:]))
        children = self.head.primary_capsules(features)
        return explain_layer(self.head.capsules, children, field, iterations)

    def field(self, grid: tuple[int, ...]) -> ReceptiveField:
        """Which pixels a capsule of the grid sees: any, as far as is known."""
        rows, columns = grid if len(grid) == 2 else (1, prod(grid))
        return ReceptiveField(rows, columns, 0, 0, 0, max(self.in_shape[1:]))
