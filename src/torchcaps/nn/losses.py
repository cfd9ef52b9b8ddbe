"""Losses as modules. Each is called with a model's output, the images and the labels, and takes
`weights [B]`, which say how much each image counts: see `torchcaps.ops.losses.mean_over_images`."""

from typing import Literal, NamedTuple, Protocol, runtime_checkable

from jaxtyping import Float, Integer
from torch import Tensor, nn
from torch.nn import functional as F

from torchcaps.ops.losses import (
    Reduction,
    check_labels,
    check_targets,
    margin_loss,
    mean_over_images,
    reconstruction_loss,
)
from torchcaps.ops.precision import at_least_float32


@runtime_checkable
class ModelOutput(Protocol):
    """What losses read of a model's answer (see `torchcaps.models.Output`)."""

    @property
    def scores(self) -> Tensor: ...
    @property
    def reconstruction(self) -> Tensor | None: ...


class MarginLoss(nn.Module):
    """`torchcaps.ops.margin_loss` with its margins kept: `(lengths [B, J], labels) -> scalar`."""

    def __init__(
        self,
        m_plus: float = 0.9,
        m_minus: float = 0.1,
        down_weight: float = 0.5,
        over_classes: Reduction = "sum",
    ) -> None:
        super().__init__()
        self.m_plus, self.m_minus, self.down_weight = m_plus, m_minus, down_weight
        self.over_classes: Reduction = over_classes

    def forward(
        self,
        lengths: Float[Tensor, "B J"],
        labels: Tensor,
        weights: Float[Tensor, " B"] | None = None,
    ) -> Float[Tensor, ""]:
        return margin_loss(
            lengths,
            labels,
            m_plus=self.m_plus,
            m_minus=self.m_minus,
            down_weight=self.down_weight,
            over_classes=self.over_classes,
            weights=weights,
        )

    def extra_repr(self) -> str:
        return f"m_plus={self.m_plus}, m_minus={self.m_minus}, down_weight={self.down_weight}"


class _Weights(NamedTuple):
    margin: float
    over_classes: Reduction
    reconstruction: float


Preset = Literal["series", "sabour2017"]
RECONSTRUCTION = 0.0005
_PRESETS: dict[str, _Weights] = {
    "series": _Weights(1.0, "sum", RECONSTRUCTION),
    "sabour2017": _Weights(0.5, "mean", RECONSTRUCTION),
}


class CapsuleLoss(nn.Module):
    r"""Margin loss plus reconstruction: $a L_\text{margin} + 0.0005 \sum_p (\hat x_p - x_p)^2$.

    Args:
        preset: "series" sums the margin loss over classes (a = 1), as the paper writes it;
            "sabour2017" is the authors' code, which takes half of its mean over classes. With ten
            classes the picture then weighs twenty times as much against the margins.

    Called with `(out, images, labels)`; without a reconstruction it is the margin loss alone.
    """

    def __init__(self, preset: Preset = "series") -> None:
        super().__init__()
        if preset not in _PRESETS:
            raise ValueError(
                f"CapsuleLoss, preset: expected one of {', '.join(_PRESETS)}; got {preset!r}; "
                "series follows the paper's text, sabour2017 its code"
            )
        self.margin_weight, over_classes, self.reconstruction_weight = _PRESETS[preset]
        self.margin = MarginLoss(over_classes=over_classes)

    def forward(
        self,
        out: ModelOutput,
        images: Float[Tensor, "B C *size"],
        labels: Integer[Tensor, " B"] | Integer[Tensor, "B J"],
        weights: Float[Tensor, " B"] | None = None,
    ) -> Float[Tensor, ""]:
        loss = self.margin_weight * self.margin(out.scores, labels, weights)
        if out.reconstruction is None:
            return loss
        drawn = reconstruction_loss(out.reconstruction, images, weights=weights)
        return loss + self.reconstruction_weight * drawn


class ScoreCrossEntropy(nn.Module):
    r"""Cross entropy of `out.scores` as logits, plus $0.0005 \sum_p (\hat x_p - x_p)^2$ where the
    model draws: the loss of networks whose scores are logits. With targets `[B, J]` of 0 and 1 in
    the place of labels it is the binary cross entropy of each class, summed over the classes."""

    def forward(
        self,
        out: ModelOutput,
        images: Float[Tensor, "B C *size"],
        labels: Integer[Tensor, " B"] | Integer[Tensor, "B J"],
        weights: Float[Tensor, " B"] | None = None,
    ) -> Float[Tensor, ""]:
        loss = self._entropy(at_least_float32(out.scores), labels, weights)
        if out.reconstruction is None:
            return loss
        drawn = reconstruction_loss(out.reconstruction, images, weights=weights)
        return loss + RECONSTRUCTION * drawn

    @staticmethod
    def _entropy(scores: Tensor, labels: Tensor, weights: Tensor | None) -> Tensor:
        if labels.ndim == 2:
            check_targets(labels, scores, "ScoreCrossEntropy")
            each = F.binary_cross_entropy_with_logits(scores, labels.to(scores), reduction="none")
            return mean_over_images(each.sum(-1), weights)
        check_labels(labels, len(scores), scores.shape[1], "ScoreCrossEntropy")
        reduction = "none" if weights is not None else "mean"
        each = F.cross_entropy(scores, labels.long(), reduction=reduction)
        return each if weights is None else mean_over_images(each, weights)
