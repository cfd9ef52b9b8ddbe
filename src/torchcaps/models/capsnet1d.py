"""The CapsNet of signals and sequences, of any length up to the longest."""

from typing import Any

from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from torchcaps.models.explanation import Explanation, explain_layer
from torchcaps.models.model import Output, ScoreKind
from torchcaps.models.receptive_field import Window, receptive_field
from torchcaps.models.signal_model import SignalModel
from torchcaps.nn import (
    ROUTINGS,
    CapsuleLoss,
    DenseCapsules,
    PrimaryCapsules1d,
    ScoreCrossEntropy,
)
from torchcaps.nn.layer import as_capsules
from torchcaps.ops import Capsules
from torchcaps.options import check_choice, check_sizes


class CapsNet1d(SignalModel):
    """Two convolutions, primary capsules, class capsules by routing:

        signals -> standardise -> ReLU(stem) twice -> primary [B, I, E] -> routing -> [B, J, D]

    A signal may be shorter than the longest, see `SignalModel`; primary capsules beyond its end are
    masked. There is no decoder: the numbers of a signal have no range to draw in.

    Args:
        in_shape, num_classes: of the data, (C, L).
        stem_channels: channels of both convolutions of the stem.
        kernel_size: of all three convolutions, an odd number; each keeps the length but that of the
            primary capsules, whose stride is 2.
        types, primary_dim: kinds of primary capsules and their size E.
        pose_dim: D.
        routing: a name in `torchcaps.nn.ROUTINGS`; routing_options: its options.
        iterations: of the routing; None takes its own (3 for dynamic routing).
        share_transforms: positions of one type of primary capsules share their transforms: what a
            capsule votes for depends on what it is, not on when. Vector routing has no transforms.
    """

    name = "capsnet1d"
    tasks = ("classes", "multilabel")

    def __init__(
        self,
        in_shape: tuple[int, int],
        num_classes: int,
        *,
        stem_channels: int = 64,
        kernel_size: int = 7,
        types: int = 8,
        primary_dim: int = 8,
        pose_dim: int = 16,
        routing: str = "dynamic",
        routing_options: dict[str, Any] | None = None,
        iterations: int | None = None,
        share_transforms: bool = True,
    ) -> None:
        super().__init__(in_shape, num_classes)
        check_sizes(
            "CapsNet1d",
            stem_channels=stem_channels,
            kernel_size=kernel_size,
            types=types,
            primary_dim=primary_dim,
            pose_dim=pose_dim,
        )
        if kernel_size % 2 == 0:
            raise ValueError(
                f"CapsNet1d, kernel_size: expected an odd number, whose middle is a position; got "
                f"{kernel_size}; take {kernel_size + 1}"
            )
        check_choice("CapsNet1d", "routing", routing, list(ROUTINGS))
        channels, longest = self.in_shape
        same = kernel_size // 2
        self.stem = nn.ModuleList(
            nn.Conv1d(before, stem_channels, kernel_size, padding=same)
            for before in (channels, stem_channels)
        )
        self.primary = PrimaryCapsules1d(
            stem_channels, types, primary_dim, kernel_size=kernel_size, stride=2, padding=same
        )
        self._windows = [Window(kernel_size, stride, same) for stride in (1, 1, 2)]
        (positions,) = self.primary.grid(longest)
        self.capsules = DenseCapsules(
            types * positions,
            primary_dim,
            num_classes,
            pose_dim,
            routing=routing,
            routing_options=routing_options,
            iterations=iterations,
            positions=positions if share_transforms and ROUTINGS[routing].casts_votes else 1,
        )
        self.score_kind: ScoreKind = self.capsules.routing.score_kind

    def forward(
        self, images: Float[Tensor, "B C n"], labels: Int[Tensor, "B ..."] | None = None
    ) -> Output:
        capsules = self._route(*self.primary_capsules(images))
        scores = self.capsules.routing.scores(capsules)
        self.chosen(scores, labels)
        return Output(scores, *capsules)

    def primary_capsules(
        self, images: Float[Tensor, "B C n"]
    ) -> tuple[Float[Tensor, "B I E"], Bool[Tensor, "B I"]]:
        """The children that routing is given, and which of them are there."""
        stem, there = self._stem(images)
        there = there[:, ::2].repeat(1, self.primary.types)
        return self.primary(stem).masked_fill(~there.unsqueeze(-1), 0), there

    def _stem(
        self, images: Float[Tensor, "B C n"]
    ) -> tuple[Float[Tensor, "B S L"], Bool[Tensor, "B L"]]:
        x, there = self.standardised(images)
        for convolution in self.stem:
            x = F.relu(convolution(x)).masked_fill(~there.unsqueeze(1), 0)
        return x, there

    def _route(self, children: Float[Tensor, "B I E"], there: Bool[Tensor, "B I"]) -> Capsules:
        return as_capsules(self.capsules(children, mask=there))

    def make_loss(self) -> nn.Module:
        return ScoreCrossEntropy() if self.score_kind == "logits" else CapsuleLoss()

    def representations(
        self, images: Float[Tensor, "B C n"], labels: Int[Tensor, " B"] | None = None
    ) -> dict[str, Tensor]:
        stem, _ = self._stem(images)
        children, there = self.primary_capsules(images)
        capsules = self._route(children, there)
        scores = self.capsules.routing.scores(capsules)
        last = self.pose_layers(Output(scores, capsules.poses), labels)
        return {"stem": stem, "primary capsules": children, **last}

    def explain(self, images: Float[Tensor, "B C n"], iterations: int | None = None) -> Explanation:
        children, there = self.primary_capsules(images)
        field = receptive_field(self._windows, 1, self.in_shape[1])
        return explain_layer(self.capsules, children, field, iterations, there)
