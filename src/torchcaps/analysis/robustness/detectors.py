"""Two detectors of images that a model should not be trusted with."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import floor

import torch
from jaxtyping import Float, Int
from torch import Tensor

from torchcaps.analysis.eval_mode import answer
from torchcaps.models import Model

RECONSTRUCTION, SCORE = "reconstruction", "score"


@dataclass(frozen=True)
class DetectorScores:
    """A model's predictions for N images, and how suspicious each looks to its detectors.

    predicted [N]: the class with the highest score.
    scores: by detector, numbers [N] in float64, greater for what is more suspicious. "score" is one
        minus the highest capsule length or activation, or minus the logarithm of the highest
        probability of a model that gives logits. "reconstruction", of a model with a decoder, is
        the `reconstruction_error` of the predicted class.
    """

    predicted: Int[Tensor, " N"]
    scores: Mapping[str, Float[Tensor, " N"]]


def detector_scores(model: Model, images: Float[Tensor, "N C *size"]) -> DetectorScores:
    """Classify every image and score it by every detector of `model`.

    Source of the detector by reconstruction: DARCCC, Frosst, Sabour & Hinton 2018.
    """
    out = answer(model, images)
    found, by_error = out.scores.double(), {}
    if out.reconstruction is not None:
        drawn, images = out.reconstruction.double(), images.cpu().double()
        by_error[RECONSTRUCTION] = reconstruction_error(drawn, images)
    # The logarithm keeps apart what is 1 to the last bit as a probability.
    logits = model.score_kind == "logits"
    doubt = -found.log_softmax(-1).amax(-1) if logits else 1 - found.amax(-1)
    return DetectorScores(found.argmax(-1), {**by_error, SCORE: doubt})


def reconstruction_error(
    reconstruction: Float[Tensor, "N C H W"], images: Float[Tensor, "N C H W"]
) -> Float[Tensor, " N"]:
    r"""Distance of every image from its reconstruction, $\|\hat x - x\|_2 / \sqrt{P}$ with P
    numbers an image (pixels times channels): the root of the mean squared error, 0 to 1.

    >>> reconstruction_error(torch.zeros(1, 1, 2, 2), torch.full((1, 1, 2, 2), 0.5))
    tensor([0.5000])
    """
    difference = (reconstruction - images).flatten(1)
    return torch.linalg.vector_norm(difference, dim=1) / difference.shape[1] ** 0.5


def threshold(clean: Float[Tensor, " N"], rate: float) -> float:
    """The least number above which a share of at most `rate` of the clean images lies: without
    ties, that share is the greatest multiple of 1/N that is not above `rate`.

    >>> threshold(torch.tensor([0.4, 0.1, 0.3, 0.2]), 0.25)
    0.3...
    """
    if not 0 <= rate < 1:
        raise ValueError(
            f"threshold, rate: expected a false positive rate from 0 to below 1; got {rate}; "
            "take 0.05"
        )
    # 0.29 * 100 is 28.999...: a whole number is meant.
    allowed = floor(rate * len(clean) + 1e-9)
    return clean.sort(descending=True).values[allowed].item()
