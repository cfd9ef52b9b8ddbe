"""The loss that teaches an orientation from upright images alone."""

from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from torchcaps.ops import check_labels, lengths, reconstruction_loss
from torchcaps.ops.groups_window import orientation_degrees, orientation_window


@runtime_checkable
class TurningOutput(Protocol):
    """What the loss reads of a model's answer."""

    @property
    def poses(self) -> Tensor | None: ...
    @property
    def reconstruction(self) -> Tensor | None: ...


class WindowLoss(nn.Module):
    r"""Cross entropy over class and orientation together, for images known to be upright:

    $$ L = -\sum_a t_a \log \mathrm{softmax}_{j a}\big(\gamma \|v_{j a}\|\big)_{y a}, \qquad
       t_a \propto \max(0, 1 - |\theta_a| / \tau) $$

    plus the reconstruction error. The capsule of the label is to be long at orientation 0 and its
    neighbours, a triangle of half-width $\tau$ whose peak can be found between orientations.
    Because the network turns with its input, "class y, turned by $\theta$" is thereby taught for
    every other orientation without an image of it. Of the other classes, only orientations that
    some turned image would bring into the window are held down: a 6 may stay an upside-down 9.

    Args:
        n: orientations of the poses.
        window: of the scores, in degrees; others are held down within twice of it.
        spread: $\tau$ in degrees.
        gain: $\gamma$.
        reconstruction: weight of the squared error, summed over pixels.

    Called with `(out, images, labels)`.
    """

    def __init__(
        self,
        n: int,
        window: float = 60.0,
        *,
        spread: float = 45.0,
        gain: float = 10.0,
        reconstruction: float = 0.0005,
    ) -> None:
        super().__init__()
        self.n, self.gain, self.reconstruction = n, gain, reconstruction
        triangle = (1 - orientation_degrees(n).abs() / spread).clamp_min(0)
        self.register_buffer("target", triangle / triangle.sum(), persistent=False)
        seen = orientation_window(n, min(2 * window, 180.0)) > 0
        self.register_buffer("seen", seen, persistent=False)

    def forward(
        self, out: TurningOutput, images: Float[Tensor, "B C H W"], labels: Int[Tensor, " B"]
    ) -> Float[Tensor, ""]:
        assert out.poses is not None
        strength = lengths(out.poses.unflatten(-1, (self.n, -1)))  # [B, J, n]
        batch, classes, _ = strength.shape
        check_labels(labels, batch, classes, "WindowLoss")
        present = F.one_hot(labels.long(), classes).bool()[..., None]
        counted = present | self.seen.to(labels.device)
        logits = (self.gain * strength.float()).masked_fill(~counted, -torch.inf)
        log_p = logits.flatten(1).log_softmax(-1).unflatten(1, (classes, self.n))
        of_label = log_p[torch.arange(batch, device=labels.device), labels]  # [B, n]
        loss = -(of_label * self.target.to(of_label)).sum(-1).mean()
        if out.reconstruction is None:
            return loss
        return loss + self.reconstruction * reconstruction_loss(out.reconstruction, images)
