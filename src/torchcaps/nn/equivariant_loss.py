"""The loss that teaches an orientation from upright images alone."""

from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Integer
from torch import Tensor

from torchcaps.nn.constants import WithConstants
from torchcaps.ops import check_labels, lengths, reconstruction_loss
from torchcaps.ops.groups_window import orientation_degrees, orientation_window
from torchcaps.ops.losses import mean_over_images
from torchcaps.ops.masking import one_hot
from torchcaps.ops.precision import at_least_float32

# Standard deviation of the bump that is taught, in steps of 360/n degrees.
BUMP = 0.9


@runtime_checkable
class TurningOutput(Protocol):
    """What the loss reads of a model's answer."""

    @property
    def poses(self) -> Tensor | None: ...
    @property
    def reconstruction(self) -> Tensor | None: ...


class WindowLoss(WithConstants):
    r"""Cross entropy over class and orientation together, for images known to be upright:

    $$ L = -\sum_a g_a \log \mathrm{softmax}_{j a}\big(\gamma \|v_{j a}\|\big)_{y a}, \qquad
       g_a \propto e^{-\theta_a^2 / 2 \sigma^2} $$

    plus the reconstruction error. Of all J n vectors those of the label that are (nearly, g)
    upright are to be the longest. Because the network turns with its input, "class y, turned by
    $\theta$" is thereby taught for every other orientation without an image of it. The bump g is
    about as wide as orientations are apart: a narrower one would ask for frequencies that n
    orientations do not hold, and that no turn between them keeps. Of the other classes, only
    orientations that some turned image would bring into the window are counted in the softmax: a
    6 may stay an upside-down 9.

    Args:
        n: orientations of the poses.
        window: of the scores, in degrees; other classes are held down within twice of it.
        gain: $\gamma$.
        reconstruction: weight of the squared error, summed over pixels.

    Called with `(out, images, labels)`, and with `weights [B]` where images do not all count alike.
    """

    upright: Tensor
    counted: Tensor

    def __init__(
        self,
        n: int,
        window: float = 60.0,
        *,
        gain: float = 20.0,
        reconstruction: float = 0.0005,
    ) -> None:
        super().__init__()
        self.n, self.gain, self.reconstruction = n, gain, reconstruction
        bump = torch.exp(-0.5 * (orientation_degrees(n) / (BUMP * 360 / n)) ** 2)
        self.add_constant("upright", bump / bump.sum())
        self.add_constant("counted", orientation_window(n, min(2 * window, 180.0)) > 0)

    def forward(
        self,
        out: TurningOutput,
        images: Float[Tensor, "B C H W"],
        labels: Integer[Tensor, " B"],
        weights: Float[Tensor, " B"] | None = None,
    ) -> Float[Tensor, ""]:
        assert out.poses is not None
        strength = lengths(at_least_float32(out.poses).unflatten(-1, (self.n, -1)))  # [B, J, n]
        batch, classes, _ = strength.shape
        check_labels(labels, batch, classes, "WindowLoss")
        of_label = one_hot(labels, classes, strength.dtype).bool()[..., None]
        counted = of_label | self.counted.to(labels.device)
        logits = (self.gain * strength).masked_fill(~counted, -torch.inf)
        own = logits[torch.arange(batch, device=labels.device), labels.long()]
        per_image = logits.flatten(1).logsumexp(-1) - own @ self.upright.to(own)
        loss = mean_over_images(per_image, weights)
        if out.reconstruction is None:
            return loss
        drawn = reconstruction_loss(out.reconstruction, images, weights=weights)
        return loss + self.reconstruction * drawn
