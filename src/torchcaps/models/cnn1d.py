"""The control of the CapsNet of signals: its convolutions, pooled over all positions."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from torchcaps.models.capsnet1d import CapsNet1d
from torchcaps.models.model import Output
from torchcaps.models.signal_model import SignalModel
from torchcaps.nn import ScoreCrossEntropy
from torchcaps.ops.signals import mean_over


class CNN1d(SignalModel):
    """Three convolutions, the mean over all positions, two dense layers; scores are logits.

        signals -> standardise -> ReLU(convolution) three times -> mean -> hidden -> logits [B, J]

    The convolutions are those of `CapsNet1d` with the same options, and there are as many hidden
    units as bring both to about the same number of parameters. A signal may be shorter than the
    longest, see `SignalModel`; the mean is that of the positions it has.

    Args:
        in_shape, num_classes: of the data, (C, L).
        stem_channels, kernel_size, types, primary_dim, pose_dim: of the CapsNet. The last
            convolution, with stride 2, has `types * primary_dim` channels.
    """

    name = "cnn1d"
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
    ) -> None:
        super().__init__(in_shape, num_classes)
        with torch.device("meta"):  # only counted
            capsnet = CapsNet1d(
                in_shape,
                num_classes,
                stem_channels=stem_channels,
                kernel_size=kernel_size,
                types=types,
                primary_dim=primary_dim,
                pose_dim=pose_dim,
            )
        last, same = types * primary_dim, kernel_size // 2
        self.convolutions = nn.ModuleList(
            nn.Conv1d(before, after, kernel_size, stride, padding=same)
            for before, after, stride in (
                (self.in_shape[0], stem_channels, 1),
                (stem_channels, stem_channels, 1),
                (stem_channels, last, 2),
            )
        )
        left = _parameters(capsnet) - _parameters(self.convolutions) - num_classes
        hidden = max(1, round(left / (last + 1 + num_classes)))
        self.hidden = nn.Sequential(nn.Linear(last, hidden), nn.ReLU())
        self.classify = nn.Linear(hidden, num_classes)

    def forward(
        self, images: Float[Tensor, "B C n"], labels: Int[Tensor, "B ..."] | None = None
    ) -> Output:
        return Output(self.classify(self.hidden(self._layers(images)["pool"])))

    def _layers(self, images: Float[Tensor, "B C n"]) -> dict[str, Tensor]:
        """The map of every convolution, and their mean over the positions."""
        x, there = self.standardised(images)
        found = {}
        for number, convolution in enumerate(self.convolutions, 1):
            if number == 3:
                there = there[:, ::2]
            x = F.relu(convolution(x)).masked_fill(~there.unsqueeze(1), 0)
            found[f"map {number}"] = x
        return {**found, "pool": mean_over(x, there)}

    def make_loss(self) -> nn.Module:
        return ScoreCrossEntropy()

    def representations(
        self, images: Float[Tensor, "B C n"], labels: Int[Tensor, " B"] | None = None
    ) -> dict[str, Tensor]:
        layers = self._layers(images)
        return {**layers, "penultimate": self.hidden(layers["pool"])}


def _parameters(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())
