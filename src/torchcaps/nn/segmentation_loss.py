"""The loss of networks that give every pixel a class."""

from jaxtyping import Float, Integer
from torch import Tensor, nn
from torch.nn import functional as F

from torchcaps.nn.losses import ModelOutput
from torchcaps.nn.routing_module import ScoreKind
from torchcaps.ops.losses import check_masks, margin_loss, mean_over_images, region_error
from torchcaps.ops.precision import at_least_float32


class SegmentationLoss(nn.Module):
    r"""The loss of a classifier at each of the B images' P pixels, and how well the target region
    (all but class 0) is drawn:

    $$ \frac1{BP} \sum_{bp} w_{bp} L(s_{bp}, y_{bp})
       + \frac{\alpha}B \sum_b \frac1{|R_b|} \sum_{p \in R_b} (\hat x_{bp} - x_{bp})^2,
       \quad R_b = \{p : y_{bp} > 0\} $$

    Args:
        score_kind: "logits" takes the cross entropy for L, lengths and activations `margin_loss`.
        reconstruction: $\alpha$. The second term is there where the model draws.
        scale: a module that x and its drawing go through before they are compared, such as
            `Standardise` where the numbers of a volume have no fixed range.

    Called with `(out, images, masks)`, out.scores `[B, J, *size]` and masks `[B, *size]`; weights
    `[B]`, or `[B, *size]` where pixels do not all count alike, weigh the first term alone.
    """

    def __init__(
        self,
        score_kind: ScoreKind = "lengths",
        reconstruction: float = 0.1,
        scale: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.score_kind: ScoreKind = score_kind
        self.reconstruction = reconstruction
        self.scale = nn.Identity() if scale is None else scale

    def forward(
        self,
        out: ModelOutput,
        images: Float[Tensor, "B C *size"],
        labels: Integer[Tensor, "B *size"],
        weights: Float[Tensor, " B"] | Float[Tensor, "B *size"] | None = None,
    ) -> Float[Tensor, ""]:
        check_masks(labels, out.scores, "SegmentationLoss")
        scores = at_least_float32(out.scores).movedim(1, -1).flatten(0, -2)  # [B * P, J]
        if weights is not None:
            if weights.ndim == 1:
                weights = weights.view(-1, *[1] * (labels.ndim - 1))
            weights = weights.expand(labels.shape).flatten()
        flat = labels.flatten().long()
        if self.score_kind == "logits":
            loss = mean_over_images(F.cross_entropy(scores, flat, reduction="none"), weights)
        else:
            loss = margin_loss(scores, flat, weights=weights)
        if out.reconstruction is None:
            return loss
        drawn, wanted = self.scale(at_least_float32(out.reconstruction)), self.scale(images)
        return loss + self.reconstruction * region_error(drawn, wanted, labels).mean()

    def extra_repr(self) -> str:
        return f"score_kind={self.score_kind}, reconstruction={self.reconstruction:g}"
